package client

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A traceparent is version-traceid-parent-flags, of 2, 32, 16 and 2 hexadecimal digits;
// later versions may go on after another dash.
const (
	lengthOfTraceparent = 55
	beginOfTrace        = 3
	endOfTrace          = 35
	endOfParent         = 52
)

// parseTraceparent returns the id of the trace and whether the caller keeps the trace.
// What is malformed has no id.
func parseTraceparent(header string) (id string, kept bool) {
	if len(header) < lengthOfTraceparent || len(header) > lengthOfTraceparent && (header[lengthOfTraceparent] != '-' || header[:2] == "00") {
		return "", false
	}
	version, id, parent, flags := header[:2], header[beginOfTrace:endOfTrace], header[endOfTrace+1:endOfParent], header[endOfParent+1:lengthOfTraceparent]
	dashes := header[2] == '-' && header[endOfTrace] == '-' && header[endOfParent] == '-'
	if !dashes || version == "ff" || zero(id) || zero(parent) || !hexadecimal(version) || !hexadecimal(id) || !hexadecimal(parent) || !hexadecimal(flags) {
		return "", false
	}
	return id, strings.IndexByte("13579bdf", flags[1]) >= 0
}

func zero(s string) bool { return strings.Trim(s, "0") == "" }

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// newRequestID looks like the id of a trace. It tells requests apart and is no secret.
func newRequestID() string {
	return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) // #nosec G404 -- no secret
}
