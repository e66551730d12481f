package client

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// A response remembers the status that a handler wrote.
type response struct {
	http.ResponseWriter
	status   int
	hijacked bool
}

// WriteHeader implements [http.ResponseWriter]. Informational statuses precede the
// one that counts.
func (r *response) WriteHeader(status int) {
	if r.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *response) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// as returns the response with the abilities that the server's own writer has, for
// handlers that ask for them by type: HTTP/1 can flush, hijack and copy, HTTP/2
// can flush.
func (r *response) as(w http.ResponseWriter) http.ResponseWriter {
	flusher, flushes := w.(http.Flusher)
	hijacker, hijacks := w.(http.Hijacker)
	copier, copies := w.(io.ReaderFrom)
	switch {
	case flushes && hijacks && copies:
		return &response1{response2{r, flusher}, hijacker, copier}
	case flushes:
		return &response2{r, flusher}
	}
	return r
}

type response2 struct {
	*response
	flusher http.Flusher
}

// Flush implements [http.Flusher].
func (r *response2) Flush() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.flusher.Flush()
}

type response1 struct {
	response2
	hijacker http.Hijacker
	copier   io.ReaderFrom
}

// Hijack implements [http.Hijacker].
func (r *response1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.hijacked = true
	return r.hijacker.Hijack()
}

// ReadFrom implements [io.ReaderFrom], by which files are sent without copying.
func (r *response1) ReadFrom(src io.Reader) (int64, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.copier.ReadFrom(src)
}
