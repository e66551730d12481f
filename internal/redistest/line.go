package redistest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// A line is one connection. What is not its own goroutine's is guarded by the mutex
// of its proxy.
type line struct {
	Line
	conn    net.Conn
	starved bool
	ended   bool
}

// handshake is the byte with which TLS begins. Who is behind it cannot be told.
const handshake = 0x16

// introduction reads the first command, and returns whose it is beside what it read;
// of TLS it reads nothing.
func introduction(in *bufio.Reader) (who Line, said []byte, err error) {
	first, err := in.Peek(1)
	if err != nil {
		return Line{Party: unknown}, nil, err
	}
	if first[0] == handshake {
		return Line{Party: Clients}, nil, nil
	}
	words, said, err := command(in)
	if err != nil {
		return Line{Party: unknown}, said, err
	}
	switch words[0] {
	case "HELLO":
		who.Party = Clients
	case "PING":
		who.Party = Replicas
	default:
		who.Party = Sentinels
	}
	who.learn(words)
	return who, said, nil
}

// learn notes what a command tells of who is on the line.
func (l *Line) learn(words []string) {
	switch {
	case len(words) > 3 && words[0] == "HELLO" && strings.EqualFold(words[2], "auth"):
		l.User = words[3]
	case words[0] == "SUBSCRIBE":
		l.Listen = true
	}
}

// ask copies what is said to the server, until either of them is gone.
func (p *Proxy) ask(l *line, in *bufio.Reader, server net.Conn, plain bool) {
	if !plain {
		_, _ = io.Copy(server, in)
		return
	}
	for {
		words, said, err := command(in)
		if err != nil {
			return
		}
		if words[0] == "SUBSCRIBE" && !p.subscribes(l, words) {
			return
		}
		if _, err := server.Write(said); err != nil {
			return
		}
	}
}

// subscribes notes that a line does, and reports whether it may go on.
func (p *Proxy) subscribes(l *line, words []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.learn(words)
	return !p.fate(l).End
}

// A letter is what the server has said, and when it is due.
type letter struct {
	text []byte
	due  time.Time
}

// pending is how many letters may be under way on a line; then the server waits.
const pending = 1024

// answer copies what the server says, until either of them is gone.
func (p *Proxy) answer(l *line, server net.Conn) {
	letters := make(chan letter, pending)
	go func() {
		defer close(letters)
		for {
			text := make([]byte, 16<<10)
			n, err := server.Read(text)
			p.mu.Lock()
			fate := p.fate(l)
			p.mu.Unlock()
			if n > 0 && !fate.Starve {
				letters <- letter{text[:n], time.Now().Add(fate.Late)}
			}
			if err != nil {
				return
			}
		}
	}()
	for m := range letters {
		if wait := time.Until(m.due); wait > 0 {
			time.Sleep(wait)
		}
		if _, err := l.conn.Write(m.text); err != nil {
			_ = server.Close() // and the rest is nobody's
		}
	}
}

// command reads one command, and returns its words, the name in capitals, beside all
// that it read. A word of more than a hundred bytes is left out.
func command(in *bufio.Reader) (words []string, said []byte, err error) {
	header, err := in.ReadString('\n')
	if err != nil {
		return nil, nil, err
	}
	said = []byte(header)
	if !strings.HasPrefix(header, "*") { // typed by hand
		return []string{strings.ToUpper(strings.TrimSpace(header))}, said, nil
	}
	for n := number(header); n > 0; n-- {
		header, err := in.ReadString('\n')
		if err != nil {
			return nil, said, err
		}
		word := make([]byte, number(header)+len("\r\n"))
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, said, err
		}
		said = append(append(said, header...), word...)
		if len(word) > 100 {
			word = nil
		}
		words = append(words, strings.TrimSuffix(string(word), "\r\n"))
	}
	if len(words) == 0 {
		return nil, said, errors.New("an empty command")
	}
	words[0] = strings.ToUpper(words[0])
	return words, said, nil
}

// number reads what follows the sign of a header; 0 where it is none.
func number(header string) int {
	n, err := strconv.Atoi(strings.TrimSpace(header[1:]))
	if err != nil || n < 0 || n > 64<<20 {
		return 0
	}
	return n
}
