package client

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/rampart-dev/rampart"
)

// What one service tells the next about a request stands in three members of W3C
// baggage, which every other member is left alone by:
//
//	rampart.request=4bf92f3577b34da6a3ce929d0e0e4736
//	rampart.key=ann%40example.com
//	rampart.flags=checkout-v2:on@1767225600000/new-cart:out@1767225600001
//
// The key is there only where it is asked for. Of a flag there is the answer and the
// version that gave it. An answer is on or off for units that are in the arm of that
// name, in or out for those that are in no arm, and shadow for those that are served
// off as if on.
const (
	ours          = "rampart."
	requestMember = ours + "request"
	keyMember     = ours + "key"
	flagsMember   = ours + "flags"
)

// The limits of the specification, and our share of them. Whatever is beyond is not
// read and not sent: baggage comes from outside and goes along with every call.
const (
	maxBaggage     = 8192 // bytes of all members together
	maxMembers     = 64
	maxCarriedID   = 128  // bytes, of a request's id
	maxCarriedKey  = 256  // bytes, once escaped
	maxCarriedText = 1024 // bytes of all flags
	maxCarried     = 32   // flags
)

// members yields the members of baggage, trimmed, with their keys. It yields none where
// there is more baggage than the specification allows.
func members(headers []string) func(func(key, member string) bool) {
	return func(yield func(key, member string) bool) {
		if size(headers) > maxBaggage {
			return
		}
		for _, header := range headers {
			for member := range strings.SplitSeq(header, ",") {
				if member = strings.Trim(member, " \t"); member == "" {
					continue
				}
				key, _, _ := strings.Cut(member, "=")
				if !yield(strings.TrimRight(key, " \t"), member) {
					return
				}
			}
		}
	}
}

func size(headers []string) (n int) {
	for _, h := range headers {
		n += len(h) + 1
	}
	return n
}

// parseBaggage reads our members. What is malformed or too long is left out.
func parseBaggage(headers []string) *carried {
	var c carried
	for key, member := range members(headers) {
		_, value, _ := strings.Cut(member, "=")
		value, _, _ = strings.Cut(value, ";")
		value = strings.Trim(value, " \t")
		switch key {
		case requestMember:
			c.request = unescaped(value, maxCarriedID)
		case keyMember:
			c.key = unescaped(value, maxCarriedKey)
		case flagsMember:
			c.answers = parseAnswers(value)
		}
	}
	if c.key == "" && c.request == "" && len(c.answers) == 0 {
		return nil
	}
	return &c
}

func unescaped(value string, most int) string {
	if len(value) > most {
		return ""
	}
	s, err := url.PathUnescape(value)
	if err != nil {
		return ""
	}
	return s
}

func parseAnswers(value string) (answers []carriedAnswer) {
	if len(value) > maxCarriedText {
		return nil
	}
	for entry := range strings.SplitSeq(value, "/") {
		flag, rest, _ := strings.Cut(entry, ":")
		word, version, _ := strings.Cut(rest, "@")
		a, known := carriedWords[word]
		n, err := strconv.ParseInt(version, 10, 64)
		if !known || err != nil || n <= 0 || rampart.CheckName("a flag", flag) != nil {
			continue
		}
		if len(answers) == maxCarried {
			break
		}
		a.flag, a.version = flag, n
		answers = append(answers, a)
	}
	return answers
}

// StripBaggage returns the baggage without what is ours. A service whose callers are
// not trusted must not pass on what they say in our name.
func StripBaggage(headers []string) []string {
	if !hasOurs(headers) {
		return headers
	}
	var kept []string
	for key, member := range members(headers) {
		if !strings.HasPrefix(key, ours) {
			kept = append(kept, member)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return []string{strings.Join(kept, ",")}
}

func hasOurs(headers []string) bool {
	for _, h := range headers {
		if strings.Contains(h, ours) {
			return true
		}
	}
	return false
}

// Baggage returns the baggage of a call that is made in the request of the context: what
// the headers say already, the request's id, what was decided in it so far, and the key
// of its subject if withKey. Where that would be more than the specification allows,
// decisions are left out, then the rest of ours. Without a request it returns what
// there is.
func Baggage(ctx context.Context, headers []string, withKey bool) []string {
	r := FromContext(ctx)
	if r == nil {
		return headers
	}
	var kept []string
	for key, member := range members(headers) {
		if !strings.HasPrefix(key, ours) {
			kept = append(kept, member)
		}
	}
	if len(kept) == 0 && size(headers) > maxBaggage {
		return headers // it is not ours to repair
	}
	all := kept
	for _, member := range r.members(withKey) {
		if len(all) < maxMembers && size(all)+len(member)+1 <= maxBaggage {
			all = append(all, member)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []string{strings.Join(all, ",")}
}

// members are ours, the most needed first.
func (r *Request) members(withKey bool) (all []string) {
	add := func(key, value string, most int) {
		if value != "" && len(value) <= most {
			all = append(all, key+"="+value)
		}
	}
	add(requestMember, url.PathEscape(r.subject.Request), maxCarriedID)
	if withKey {
		add(keyMember, url.PathEscape(r.subject.Key), maxCarriedKey)
	}
	add(flagsMember, r.carriedText(), maxCarriedText)
	return all
}

// carriedText are the answers of this request, and of those before it about flags that
// were not decided here.
func (r *Request) carriedText() string {
	text := make([]byte, 0, 256)
	for a := range r.carries() {
		size := len(text)
		if size > 0 {
			text = append(text, '/')
		}
		text = append(append(append(append(text, a.flag...), ':'), a.word()...), '@')
		if text = strconv.AppendInt(text, a.version, 10); len(text) > maxCarriedText {
			return string(text[:size])
		}
	}
	return string(text)
}
