// Package rampartzap adds to lines logged with zap what was decided of flags with a
// launch in the request of a context, as [client.LogHandler] does for slog.
package rampartzap

import (
	"context"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rampart-dev/rampart/client"
)

// Flags returns one field that adds the request's id, as request_id, and the variants
// of the flags, as an object flags. Of more than [client.MaxLogged] flags it tells in
// flags_more how many more there are. Of a context without a request it adds nothing.
//
//	log.Info("paid", rampartzap.Flags(ctx), zap.Int("amount", 5))
//
// Nothing is worked out where the line is not written.
func Flags(ctx context.Context) zap.Field {
	r := client.FromContext(ctx)
	if r == nil {
		return zap.Skip()
	}
	return zap.Inline(request{r})
}

type request struct{ *client.Request }

// MarshalLogObject implements [zapcore.ObjectMarshaler].
func (r request) MarshalLogObject(to zapcore.ObjectEncoder) error {
	if id := r.Subject().Request; id != "" {
		to.AddString("request_id", id)
	}
	var told []flag
	n := 0
	for d := range r.Decisions() {
		if n++; n <= client.MaxLogged && d.Variant() != "" {
			told = append(told, flag{d.Flag, d.Variant()})
		}
	}
	if n > client.MaxLogged {
		to.AddInt("flags_more", n-client.MaxLogged)
	}
	if len(told) == 0 {
		return nil
	}
	return to.AddObject("flags", flags(told))
}

type flag struct{ name, variant string }

type flags []flag

// MarshalLogObject implements [zapcore.ObjectMarshaler].
func (f flags) MarshalLogObject(to zapcore.ObjectEncoder) error {
	for _, one := range f {
		to.AddString(one.name, one.variant)
	}
	return nil
}
