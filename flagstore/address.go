package flagstore

import (
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// A form is how the servers of a store stand together.
type form string

const (
	single   form = ""
	sentinel form = "sentinel"
	cluster  form = "cluster"
)

// An address is the URL of a store, taken apart.
type address struct {
	form   form
	hosts  []string       // host:port; of Sentinel, those of the sentinels
	master string         // the name by which the sentinels know the primary
	common *redis.Options // of every connection: user, password, database, TLS
}

// usualPorts are those of hosts without one.
var usualPorts = map[form]string{single: "6379", sentinel: "26379", cluster: "6379"}

var masterPattern = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// parseAddress reads a URL of any form. No error of it quotes a password.
func parseAddress(raw string) (address, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	base, kind, _ := strings.Cut(scheme, "+")
	a := address{form: form(kind)}
	hint, known := addressHints[a.form]
	bad := func(why string) (address, error) {
		return a, rampart.Errorf(rampart.Invalid, "%q is not the address of a Redis%s", redact(raw), why).WithHint("%s", hint)
	}
	switch {
	case !known || a.form != single && base != "redis" && base != "rediss":
		hint = addressHints[single]
		return bad("")
	case a.form == single:
		if _, hosts, _, _ := authority(rest); strings.Contains(hosts, ",") {
			return bad(": it names several servers")
		}
		var err error
		if a.common, err = redis.ParseURL(raw); err != nil { // the error may quote the password
			return bad("")
		}
		a.hosts = []string{a.common.Addr}
		if unchecked(a.common) {
			return bad(": it leaves certificates unchecked")
		}
		return a, nil
	}
	user, hosts, path, query := authority(rest)
	for _, host := range strings.Split(hosts, ",") {
		h, err := hostPort(host, usualPorts[a.form])
		if err != nil {
			return bad(": a host is missing or is none")
		}
		a.hosts = append(a.hosts, h)
	}
	db := ""
	if a.form == sentinel {
		if a.master, db, _ = strings.Cut(path, "/"); !masterPattern.MatchString(a.master) {
			return bad(": the name of the primary is missing")
		}
	} else if path != "" && path != "0" {
		return bad(": a cluster has no databases")
	}
	// What is the same in every form is read in one way.
	var err error
	if a.common, err = redis.ParseURL(base + "://" + user + a.hosts[0] + "/" + db + query); err != nil {
		return bad("")
	}
	if unchecked(a.common) {
		return bad(": it leaves certificates unchecked")
	}
	if a.common.TLSConfig != nil {
		a.common.TLSConfig.ServerName = "" // of each server its own
	}
	return a, nil
}

var addressHints = map[form]string{
	single: "write redis://host:6379, or rediss://host:6380 for TLS; user:password@ before the host and /1 for a database after it; " +
		"redis+sentinel:// and redis+cluster:// for several servers",
	sentinel: "write redis+sentinel://host:26379,host2:26379/NAME, where the sentinels know the primary by NAME; " +
		"rediss+sentinel:// for TLS; user:password@ of Redis before the first host and /1 for a database after the name",
	cluster: "write redis+cluster://host:6379,host2:6379, or rediss+cluster:// for TLS; user:password@ before the first host",
}

// unchecked is true of TLS with whoever answers, which the driver would allow.
func unchecked(o *redis.Options) bool { return o.TLSConfig != nil && o.TLSConfig.InsecureSkipVerify }

// authority takes apart what follows the scheme. The user keeps its @ and the query
// its question mark.
func authority(rest string) (user, hosts, path, query string) {
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest, query = rest[:i], rest[i:]
	}
	hosts, path, _ = strings.Cut(rest, "/")
	if i := strings.LastIndex(hosts, "@"); i >= 0 {
		user, hosts = hosts[:i+1], hosts[i+1:]
	}
	return user, hosts, strings.TrimSuffix(path, "/"), query
}

func hostPort(host, usual string) (string, error) {
	u, err := url.Parse("redis://" + host)
	if err != nil {
		return "", err
	}
	if u.Hostname() == "" || u.Host != host {
		return "", &net.AddrError{Err: "no host", Addr: host}
	}
	port := u.Port()
	if port == "" {
		port = usual
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// redact returns what may be said of a URL: nothing before the last @, which ends a
// password however it is written, no port that is a password whose host was
// forgotten, and no query.
func redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		scheme, rest = "", raw
	} else {
		scheme += "://"
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	_, hosts, path, _ := authority(rest)
	shown := strings.Split(hosts, ",")
	for i, host := range shown {
		if _, err := hostPort(host, "0"); err != nil {
			name, _, _ := strings.Cut(host, ":")
			shown[i] = name + ":..."
		}
	}
	if path != "" {
		path = "/" + path
	}
	return scheme + strings.Join(shown, ",") + path
}

// String returns the address for people, without credentials.
func (a address) String() string {
	hosts := strings.Join(a.hosts, ",")
	if a.form == sentinel {
		return a.master + " of the sentinels " + hosts
	}
	return hosts
}
