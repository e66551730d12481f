package flagstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

const (
	sentinelWithin = time.Second            // one answer
	sentinelGrace  = 100 * time.Millisecond // for others to know better than the first who answers
	sentinelEvery  = time.Second            // between two looks at who is primary
)

// errDemoted is of a server that the sentinels still name. The driver takes it for
// Redis' own word, drops the connection and tries once more.
const errDemoted = demoted("READONLY the server that the sentinels name is not a primary")

type demoted string

func (d demoted) Error() string { return string(d) }
func (demoted) RedisError()     {}

// sentinels know which server is the primary now. All of them are asked, because one
// that was cut off together with the old primary would name it for as long as the
// partition lasts; of several answers that of the latest failover counts.
//
// A connection is made to the primary of that moment, and ended as soon as another
// server is: to be told of it is left to nobody.
type sentinels struct {
	name    string
	hosts   string // of the sentinels, for people
	all     []*redis.Client
	connect func(context.Context, string) (net.Conn, error)
	stop    context.CancelFunc
	over    chan struct{}

	mu      sync.Mutex
	primary string
	epoch   int64 // of the failover that made it primary
	lines   map[*line]struct{}
}

// findBySentinel begins to look after connections to a primary.
func findBySentinel(a address, opts Options) *sentinels {
	ctx, stop := context.WithCancel(context.Background())
	s := &sentinels{
		name: a.master, hosts: strings.Join(a.hosts, ","), connect: connector(a.common.TLSConfig, a.common.DialTimeout),
		stop: stop, over: make(chan struct{}), lines: map[*line]struct{}{},
	}
	for _, host := range a.hosts {
		o := &redis.Options{Addr: host, Username: opts.SentinelUser, Password: opts.SentinelPassword, TLSConfig: a.common.TLSConfig}
		tame(o, a.common.DialTimeout) // one answer has sentinelWithin; a handshake may take longer, once
		o.PoolSize = 2
		s.all = append(s.all, redis.NewClient(o))
	}
	go s.watch(ctx)
	return s
}

// dial connects to the primary.
func (s *sentinels) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	primary, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx, primary)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn, to: primary, of: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[l] = struct{}{}
	return l, nil
}

// isPrimary makes sure of a server that the sentinels have named: they may not have
// heard yet. A user without the right to ask finds out at the first write.
func isPrimary(ctx context.Context, conn *redis.Conn) error {
	role, err := conn.Do(ctx, "role").Slice()
	if errorWord(err) == "NOPERM" {
		return nil
	}
	if err == nil && (len(role) == 0 || role[0] != "master") {
		return errDemoted
	}
	return err
}

// watch ends connections to what is no primary any more.
func (s *sentinels) watch(ctx context.Context) {
	defer close(s.over)
	for {
		timer := time.NewTimer(sentinelEvery*3/4 + rand.N(sentinelEvery/2)) // #nosec G404 -- nobody gains by guessing it
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		s.mu.Lock()
		used := len(s.lines) > 0
		s.mu.Unlock()
		if !used {
			continue
		}
		if primary, err := s.find(ctx); err == nil {
			s.endOthers(primary)
		}
	}
}

func (s *sentinels) endOthers(primary string) {
	s.mu.Lock()
	var others []*line
	for l := range s.lines {
		if l.to != primary {
			others = append(others, l)
		}
	}
	s.mu.Unlock()
	for _, l := range others {
		_ = l.Close()
	}
}

// find asks all sentinels who is primary. Where none answers, it is taken to be the
// last one: that sentinels are away is no reason to lose a primary that is there.
func (s *sentinels) find(ctx context.Context) (string, error) {
	best, heard, err := s.opinion(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case best.primary == "" && s.primary != "":
	case best.primary == "":
		return "", s.unknown(err)
	case best.epoch < s.epoch && 2*heard <= len(s.all): // a minority that has not heard
	default:
		s.primary, s.epoch = best.primary, best.epoch
	}
	return s.primary, nil
}

type opinion struct {
	primary string
	epoch   int64
	err     error
}

// opinion returns the best answer, how many there were, and one of the errors.
func (s *sentinels) opinion(ctx context.Context) (best opinion, heard int, err error) {
	ctx, cancel := context.WithTimeout(ctx, sentinelWithin)
	defer cancel()
	answers := make(chan opinion, len(s.all))
	for _, one := range s.all {
		go func() { answers <- s.ask(ctx, one) }()
	}
	var grace <-chan time.Time
	for range s.all {
		select {
		case o := <-answers:
			if o.err != nil {
				err = o.err
				continue
			}
			heard++
			if best.primary == "" || o.epoch > best.epoch {
				best = o
			}
			if grace == nil {
				grace = time.After(sentinelGrace)
			}
		case <-grace:
			return best, heard, err
		}
	}
	return best, heard, err
}

// ask asks one sentinel. The address comes after the epoch, so that no old primary is
// taken to be that of the latest failover.
func (s *sentinels) ask(ctx context.Context, one *redis.Client) opinion {
	state := redis.NewMapStringStringCmd(ctx, "sentinel", "master", s.name)
	addr := redis.NewStringSliceCmd(ctx, "sentinel", "get-master-addr-by-name", s.name)
	_, err := one.Pipelined(ctx, func(p redis.Pipeliner) error {
		return errors.Join(p.Process(ctx, state), p.Process(ctx, addr))
	})
	if err != nil || len(addr.Val()) != 2 {
		return opinion{err: errors.Join(err, addr.Err(), errors.New("no primary of that name"))}
	}
	return opinion{primary: net.JoinHostPort(addr.Val()[0], addr.Val()[1]), epoch: answer{state.Val()["config-epoch"]}.number(0)}
}

func (s *sentinels) unknown(err error) error {
	return rampart.Errorf(rampart.Unreachable, "redis: no sentinel of %s tells where the primary %s is", s.hosts, s.name).
		WithHint("check that the sentinels run, that they know the primary by that name, and the password that they ask for").Because(err)
}

func (s *sentinels) close() {
	s.stop()
	<-s.over
	for _, one := range s.all {
		_ = one.Close()
	}
}

// A line is a connection to the primary of the time at which it was made.
type line struct {
	net.Conn
	to    string
	of    *sentinels
	ended atomic.Bool
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.ended.Store(true)
	l.of.mu.Lock()
	delete(l.of.lines, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

// SyscallConn lets the driver find out that an idle connection has ended, before it
// sends something over it.
func (l *line) SyscallConn() (syscall.RawConn, error) {
	if l.ended.Load() {
		return nil, net.ErrClosed
	}
	if c, ok := l.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return unseen{}, nil // what lies below TLS says nothing of it
}

// unseen is a connection of which the driver sees nothing.
type unseen struct{}

func (unseen) Control(func(uintptr)) error    { return nil }
func (unseen) Read(func(uintptr) bool) error  { return nil }
func (unseen) Write(func(uintptr) bool) error { return nil }
