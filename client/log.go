package client

import (
	"context"
	"log/slog"
)

// MaxLogged is of how many flags a log line tells.
const MaxLogged = 16

// LogHandler adds to each line that is logged in the context of a request the request's
// id, as request_id, and what was decided in it so far of flags with a launch, as a
// group flags: the flag's name and its variant, on or off. Of more than MaxLogged flags
// it tells in flags_more how many more there are. Other lines stay as they are.
//
// Where groups are open, what is added is in them, like the attributes of the line.
func LogHandler(inner slog.Handler) slog.Handler { return logHandler{inner} }

type logHandler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h logHandler) Handle(ctx context.Context, line slog.Record) error {
	r := FromContext(ctx)
	if r == nil {
		return h.Handler.Handle(ctx, line)
	}
	line = line.Clone() // lines may be shared between handlers
	if r.subject.Request != "" {
		line.AddAttrs(slog.String("request_id", r.subject.Request))
	}
	flags, more := r.logged()
	if len(flags) > 0 {
		line.AddAttrs(slog.Attr{Key: "flags", Value: slog.GroupValue(flags...)})
	}
	if more > 0 {
		line.AddAttrs(slog.Int("flags_more", more))
	}
	return h.Handler.Handle(ctx, line)
}

func (r *Request) logged() (flags []slog.Attr, more int) {
	n := 0
	for d := range r.Decisions() {
		if n++; n <= MaxLogged && d.Variant() != "" {
			flags = append(flags, slog.String(d.Flag, d.Variant()))
		}
	}
	return flags, max(0, n-MaxLogged)
}

// WithAttrs implements [slog.Handler].
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}
