package workflows_test

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// troubles stand between the product and its store: they fail commands, lose answers,
// and let the law see every write the moment that it is made.
type troubles struct{ x *telling }

func (h troubles) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h troubles) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := h.x.through(ctx, func() error { return next(ctx, cmd) }, cmd)
		if err != nil {
			cmd.SetErr(err)
		}
		return err
	}
}

func (h troubles) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := h.x.through(ctx, func() error { return next(ctx, cmds) }, cmds...)
		if err == io.EOF {
			for _, c := range cmds {
				c.SetErr(err)
			}
		}
		return err
	}
}

// through lets commands through to the store, or not.
func (x *telling) through(ctx context.Context, do func() error, cmds ...redis.Cmder) error {
	if slices.Contains([]string{"hello", "client", "select"}, cmds[0].Name()) {
		return do() // the driver's own, of a new connection
	}
	s := x.slip()
	if x.story.out(x.age()) || s != nil && !s.lost {
		return io.EOF
	}
	if !strings.HasPrefix(cmds[0].Name(), "eval") {
		if err := do(); err != nil || s == nil {
			return err
		}
		return io.EOF
	}
	if err := x.law.witness(ctx, cmds[0], do); err != nil || s == nil {
		return err
	}
	return io.EOF
}

func (x *telling) slip() *slip {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.commands++
	for _, s := range x.story.slips {
		if s.nth == x.commands {
			return &s
		}
	}
	return nil
}
