package flagstore

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// Silence is how long a reader may say nothing until it is taken to be gone.
const Silence = time.Minute

// maxReaderText bounds what a reader says of itself.
const maxReaderText = 200

// confirmedAtOnce is how many readers one call of the script notes.
const confirmedAtOnce = 500

// Confirm notes how far a reader has come, and returns how many readers are there.
// The time is the store's.
func (s *Store) Confirm(ctx context.Context, r Reader) (readers int, err error) {
	return s.ConfirmAll(ctx, []Reader{r}, nil)
}

// Leave takes a reader off the list at once. One that dies without a word is taken
// off after Silence; until then a launch and a kill wait for it in vain.
func (s *Store) Leave(ctx context.Context, id string) error {
	_, err := s.ConfirmAll(ctx, nil, []string{id})
	return err
}

// ConfirmAll is Confirm for many readers, and Leave for those that are gone, in one
// write for some hundreds of them.
func (s *Store) ConfirmAll(ctx context.Context, readers []Reader, gone []string) (total int, err error) {
	for len(readers) > confirmedAtOnce || len(gone) > confirmedAtOnce {
		some, left := min(len(readers), confirmedAtOnce), min(len(gone), confirmedAtOnce)
		if _, err := s.ConfirmAll(ctx, readers[:some], gone[:left]); err != nil {
			return 0, err
		}
		readers, gone = readers[some:], gone[left:]
	}
	args := make([]any, 0, 1+len(gone)+3*len(readers))
	args = append(args, len(gone))
	for _, id := range gone {
		args = append(args, id)
	}
	for _, r := range readers {
		if err := r.Check(); err != nil {
			return 0, err
		}
		text, err := json.Marshal(r)
		if err != nil {
			return 0, wrap("confirm", err)
		}
		args = append(args, r.ID, r.Revision, string(text))
	}
	n, err := s.confirm(ctx, 0, args)
	if err != nil {
		return 0, s.fault("confirm", err)
	}
	return int(n[1]), nil
}

// Check returns why a reader cannot be listed.
func (r Reader) Check() error {
	if r.ID == "" || len(r.ID) > maxReaderText || len(r.Service) > maxReaderText || len(r.Via) > maxReaderText {
		return rampart.Errorf(rampart.Invalid, "%q of %q does not name a reader", clip(r.ID), clip(r.Service)).
			WithHint("ID and service have at most %d bytes", maxReaderText)
	}
	return nil
}

// Confirmed counts the readers that are there, and those of them that have
// confirmed a revision.
func (s *Store) Confirmed(ctx context.Context, revision int64) (confirmed, total int, err error) {
	n, err := s.confirm(ctx, revision, []any{0})
	if err != nil {
		return 0, 0, s.fault("count readers", err)
	}
	return int(n[0]), int(n[1]), nil
}

// WaitConfirmed waits until all readers that are there have confirmed a revision,
// or until the wait is over. Readers that lag behind are no error: they are listed.
func (s *Store) WaitConfirmed(ctx context.Context, revision int64, wait time.Duration) (rampart.Confirmed, []Reader, error) {
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		confirmed, total, err := s.Confirmed(ctx, revision)
		got := rampart.Confirmed{Readers: total, Confirmed: confirmed, Millis: time.Since(began).Milliseconds()}
		if err != nil || confirmed >= total {
			return got, nil, err
		}
		select {
		case <-ctx.Done():
			return got, nil, ctx.Err()
		case <-over.C:
			lagging, err := s.Readers(ctx)
			return got, slices.DeleteFunc(lagging, func(r Reader) bool { return r.Revision >= revision }), err
		case <-tick.C:
		}
	}
}

// Readers lists the readers that are there, by service and ID.
func (s *Store) Readers(ctx context.Context) ([]Reader, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var readers *redis.MapStringStringCmd
	var seen *redis.ZSliceCmd
	var now *redis.TimeCmd
	err := s.onPrimary(ctx, func(primary *redis.Client) error {
		_, err := primary.Pipelined(ctx, func(p redis.Pipeliner) error {
			readers, seen, now = p.HGetAll(ctx, s.key("readers")), p.ZRangeWithScores(ctx, s.key("readers:seen"), 0, -1), p.Time(ctx)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, s.fault("list readers", err)
	}
	all := make([]Reader, 0, len(seen.Val()))
	for _, z := range seen.Val() {
		id, _ := z.Member.(string)
		r := Reader{ID: id, At: time.UnixMilli(int64(z.Score))}
		if now.Val().Sub(r.At) > Silence {
			continue
		}
		at := r.At
		if json.Unmarshal([]byte(readers.Val()[id]), &r) == nil {
			r.At = at
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Reader) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

func (s *Store) confirm(ctx context.Context, revision int64, args []any) ([]int64, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	keys := []string{s.key("readers"), s.key("readers:seen"), s.key("readers:at")}
	return confirmScript.Run(ctx, s.rdb, keys, append([]any{revision, Silence.Milliseconds()}, args...)...).Int64Slice()
}
