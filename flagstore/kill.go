package flagstore

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// Killed is a kill that the store has.
type Killed struct {
	Kill       rampart.Kill
	Revision   int64         // that readers confirm
	Took       time.Duration // until the store had it
	Replicas   int           // attached to the primary; behind sentinels there is at least one, attached or not
	Replicated int           // of them that have it, up to the one that is waited for
}

// replicationPatience bounds the wait for a replica. The kill stands without it.
const replicationPatience = time.Second

// Kill turns a flag off, whatever else is going on, and asks the readers to
// confirm. It needs no pen. To kill what is killed already is fine, and makes the
// person who did so one more of its killers; the same kill within ten seconds is a
// retry and leaves one event.
//
// In a store that has lost everything any flag can be killed, since readers may
// still hold it; otherwise an unknown flag is an error of kind [rampart.NotFound].
func (s *Store) Kill(ctx context.Context, flag, by, reason string) (Killed, error) {
	do := "kill " + flag
	if err := rampart.CheckName("a flag", flag); err != nil {
		return Killed{}, wrap(do, err)
	}
	keys, argv, err := s.killCall(flag, true, 0, by, reason)
	if err != nil {
		return Killed{}, wrap(do, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var out Killed
	var got answer
	err = s.onPrimary(ctx, func(primary *redis.Client) error {
		out, got, err = s.killAt(ctx, primary, keys, argv)
		return err
	})
	if err != nil {
		return Killed{}, s.fault(do, err)
	}
	out.Kill, out.Revision, err = s.killAnswer(do, flag, got)
	if err != nil {
		return Killed{}, err
	}
	return out, nil
}

// killAt kills at one node, and waits for a replica of it where there is any.
func (s *Store) killAt(ctx context.Context, primary *redis.Client, keys []string, argv []any) (out Killed, got answer, err error) {
	// WAIT is about the writes of its own connection.
	conn := primary.Conn()
	defer func() { _ = conn.Close() }()
	began := time.Now()
	got, out.Replicas, err = killOn(ctx, conn, keys, argv)
	out.Took = time.Since(began)
	attached := out.Replicas
	out.Replicas = max(attached, s.replicas)
	if err != nil || attached == 0 || got.word() != "OK" && got.word() != "DUP" {
		return out, got, err
	}
	// Not WAITAOF, which acknowledges before the fsync on some versions.
	n, _ := conn.Wait(ctx, 1, min(replicationPatience, s.timeout/2)).Result()
	out.Replicated = int(n)
	return out, got, nil
}

// Lift sets the register to not killed. It is refused where the register has
// changed since the version that was seen ([ErrMoved]); to lift what is not killed
// changes nothing.
func (s *Store) Lift(ctx context.Context, flag, by, reason string, seen int64) (rampart.Kill, error) {
	do := "restore " + flag
	if err := rampart.CheckName("a flag", flag); err != nil {
		return rampart.Kill{}, wrap(do, err)
	}
	keys, argv, err := s.killCall(flag, false, seen, by, reason)
	if err != nil {
		return rampart.Kill{}, wrap(do, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	got, err := killScript.Run(ctx, s.rdb, keys, argv...).StringSlice()
	if err != nil {
		return rampart.Kill{}, s.fault(do, err)
	}
	k, _, err := s.killAnswer(do, flag, got)
	return k, err
}

// Killed reads the kill register of a flag; false where there is none.
func (s *Store) Killed(ctx context.Context, flag string) (rampart.Kill, bool, error) {
	do := "read the kill register of " + flag
	if err := rampart.CheckName("a flag", flag); err != nil {
		return rampart.Kill{}, false, wrap(do, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	field, err := s.rdb.HGet(ctx, s.key("state"), "k:"+flag).Result()
	if err == redis.Nil {
		return rampart.Kill{}, false, nil
	}
	if err != nil {
		return rampart.Kill{}, false, s.fault(do, err)
	}
	version, text := split(field)
	if version == 0 {
		return rampart.Kill{}, false, nil
	}
	k, err := readKill(flag, version, text)
	return k, err == nil, wrap(do, err)
}

// RestoreKill writes a register under the version it had, unless a later one is there.
func (s *Store) RestoreKill(ctx context.Context, k rampart.Kill) error {
	do := "restore the kill register of " + k.Flag
	if err := rampart.CheckName("a flag", k.Flag); err != nil {
		return wrap(do, err)
	}
	if err := checkVersion(k.Version); err != nil {
		return wrap(do, err)
	}
	k.By, k.Reason, k.Also = clip(k.By), clip(k.Reason), slices.Clone(k.Also[:min(len(k.Also), rampart.MaxKillers)])
	for i, name := range k.Also {
		k.Also[i] = clip(name)
	}
	text, err := json.Marshal(k)
	if err != nil {
		return wrap(do, err)
	}
	happened := event{Flag: k.Flag, Verb: "rejoin-kill", By: k.By, Reason: k.Reason}
	_, err = s.run(ctx, do, rejoinScript, k.Flag, happened, "k", k.Flag, k.Version, text)
	return err
}

func (s *Store) killCall(flag string, killed bool, seen int64, by, reason string) ([]string, []any, error) {
	by, reason = clip(by), clip(reason)
	verb := "restore"
	if killed {
		verb = "kill"
	}
	register, err := jsonTail(struct {
		Flag   string `json:"flag"`
		Killed bool   `json:"killed"`
		By     string `json:"by"`
		Reason string `json:"reason"`
	}{flag, killed, by, reason})
	if err != nil {
		return nil, nil, err
	}
	return s.call(flag, event{Flag: flag, Verb: verb, By: by, Reason: reason},
		[]any{flag, bit(killed), seen, by, reason, register, rampart.MaxKillers})
}

// killOn sends the kill, and the question how many replicas there are, in one go.
// EVAL, because a script that is not cached would cost a second round trip.
func killOn(ctx context.Context, conn *redis.Conn, keys []string, argv []any) (answer, int, error) {
	p := conn.Pipeline()
	killed, info := killScript.Eval(ctx, p, keys, argv...), p.Info(ctx, "replication")
	if _, err := p.Exec(ctx); err != nil && killed.Err() == nil && killed.Val() == nil {
		return nil, 0, err // there was no connection
	}
	got, err := killed.StringSlice()
	_, after, _ := strings.Cut(info.Val(), "connected_slaves:")
	line, _, _ := strings.Cut(after, "\r")
	replicas, _ := strconv.Atoi(line) // without the right to ask, none are known
	return got, replicas, err
}

func (s *Store) killAnswer(do, flag string, got answer) (rampart.Kill, int64, error) {
	if err := s.foreign(got); err != nil {
		return rampart.Kill{}, 0, wrap(do, err)
	}
	switch got.word() {
	case "NOTFOUND":
		return rampart.Kill{}, 0, notFound("flag", flag)
	case "OK", "DUP":
		if got.number(1) == 0 {
			return rampart.Kill{Flag: flag}, got.number(3), nil
		}
		k, err := readKill(flag, got.number(1), got.text(2))
		return k, got.number(3), wrap(do, err)
	}
	k, _ := readKill(flag, got.number(1), got.text(2))
	return k, 0, refused(ErrMoved, "read the new reason before you restore", "%s: killed again by %s: %s", do, k.By, k.Reason)
}

// readKill decodes a register. Where the version of its field is known, it rules.
func readKill(flag string, version int64, text string) (rampart.Kill, error) {
	k, err := decodeKill(text)
	k.Flag = flag
	if version > 0 {
		k.Version = version
	}
	return k, err
}

// decodeKill reads by hand what the script writes: to decode it as JSON would be a
// fifth of all that a reader has to do until the kill is seen. Whatever looks
// otherwise is decoded as JSON.
func decodeKill(text string) (k rampart.Kill, err error) {
	if s, ok := shapeOfKill(text); ok {
		version, err1 := strconv.ParseInt(s[0], 10, 64)
		at, err2 := strconv.ParseInt(s[1], 10, 64)
		if err1 == nil && err2 == nil && (s[3] == "true" || s[3] == "false") {
			return rampart.Kill{Version: version, At: at, Flag: s[2], Killed: s[3] == "true", By: s[4], Reason: s[5]}, nil
		}
	}
	return k, json.Unmarshal([]byte(text), &k)
}

// shapeOfKill returns what stands between the separators. Without a backslash no
// string has a quote inside, so what has none is one value.
func shapeOfKill(text string) (s [6]string, ok bool) {
	if strings.Contains(text, `\`) {
		return s, false
	}
	text, ok = strings.CutPrefix(text, `{"version":`)
	for i, separator := range [...]string{`,"at":`, `,"flag":"`, `","killed":`, `,"by":"`, `","reason":"`} {
		if !ok {
			return s, false
		}
		s[i], text, ok = strings.Cut(text, separator)
	}
	if ok {
		s[5], ok = strings.CutSuffix(text, `"}`)
	}
	for _, value := range s {
		ok = ok && !strings.Contains(value, `"`)
	}
	return s, ok
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
