package flagstore

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed prelude.lua
	prelude string
	//go:embed put.lua
	putSource string
	//go:embed acquire.lua
	acquireSource string
	//go:embed kill.lua
	killSource string
	//go:embed rejoin.lua
	rejoinSource string
	//go:embed lease.lua
	leaseSource string
	//go:embed segment.lua
	segmentSource string
	//go:embed setup.lua
	setupSource string
	//go:embed evidence.lua
	evidenceSource string
	//go:embed confirm.lua
	confirmSource string
	//go:embed cursor.lua
	cursorSource string
)

var (
	putScript      = redis.NewScript(prelude + putSource)
	acquireScript  = redis.NewScript(prelude + acquireSource)
	killScript     = redis.NewScript(prelude + killSource)
	rejoinScript   = redis.NewScript(prelude + rejoinSource)
	leaseScript    = redis.NewScript(prelude + leaseSource)
	segmentScript  = redis.NewScript(prelude + segmentSource)
	setupScript    = redis.NewScript(prelude + setupSource)
	evidenceScript = redis.NewScript(evidenceSource)
	confirmScript  = redis.NewScript(confirmSource)
	cursorScript   = redis.NewScript(cursorSource)
)

// An answer is what a script says: a word, and what belongs to it.
type answer []string

func (a answer) word() string { return a.text(0) }

func (a answer) text(i int) string {
	if i < len(a) {
		return a[i]
	}
	return ""
}

// number returns a number that a script has printed; 0 where there is none.
func (a answer) number(i int) int64 {
	n, _ := strconv.ParseInt(a.text(i), 10, 64)
	return n
}

// run calls a script that begins with the prelude. Its subject is a flag, or
// "segment:" and a segment; what happened is written to the subject's history.
func (s *Store) run(ctx context.Context, do string, script *redis.Script, subject string, happened event, args ...any) (answer, error) {
	keys, argv, err := s.call(subject, happened, args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	got, err := script.Run(ctx, s.rdb, keys, argv...).StringSlice()
	if err != nil {
		return nil, s.fault(do, err)
	}
	if err := s.foreign(got); err != nil {
		return nil, fmt.Errorf("%s: %w", do, err)
	}
	return got, nil
}

// call returns the keys and the arguments that the prelude wants.
func (s *Store) call(subject string, happened event, args []any) ([]string, []any, error) {
	note, err := happened.tail()
	if err != nil {
		return nil, nil, err
	}
	keys := []string{s.key("state"), s.key("pens"), s.key("leases"), s.key("audit"), s.key("history:" + subject)}
	argv := append([]any{s.key("changes"), s.namespace(), s.auditCap, s.historyCap, note}, args...)
	return keys, argv, nil
}

func (s *Store) foreign(a answer) error {
	switch a.word() {
	case "FOREIGN":
		return s.errForeign(a.text(2), a.text(1))
	case "NOTSETUP":
		return s.errNotSetUp()
	}
	return nil
}
