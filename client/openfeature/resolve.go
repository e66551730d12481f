package openfeature

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// resolve answers for a flag, read as a type. The caller's default stands wherever the
// flag has no value of that type for the subject, and a panic, which only code of the
// service's own can bring, is told as an error.
func resolve[T any](ctx context.Context, p *Provider, flag string, def T, flat openfeature.FlattenedContext, as func(*rampart.Value) (T, bool)) (r openfeature.GenericResolutionDetail[T]) {
	defer func() {
		if v := recover(); v != nil {
			r = openfeature.GenericResolutionDetail[T]{Value: def}
			r.Reason, r.ResolutionError = openfeature.ErrorReason, openfeature.NewGeneralResolutionError(fmt.Sprintf("panic: %v", v))
		}
	}()
	r.Value = def
	flags := p.client.Load()
	if flags == nil {
		r.Reason, r.ResolutionError = openfeature.ErrorReason, openfeature.ProviderNotReadyError
		return r
	}
	if ctx == nil {
		ctx = context.Background()
	}
	a := flags.AnswerAbout(ctx, flag, flat)
	if v, ok := client.Read(&a, as); ok {
		r.Value = v
	}
	p.describe(&a, &r.ProviderResolutionDetail)
	return r
}

// object reads a value that has parts.
func object(v *rampart.Value) (any, bool) {
	raw, ok := v.JSON()
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if !ok || len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return nil, false
	}
	var parts any
	err := json.Unmarshal(raw, &parts)
	return parts, err == nil
}

// failure says in the words of the specification why the default is served.
func failure(a *client.Answer) openfeature.ResolutionError {
	switch openfeature.ErrorCode(a.Reason.ErrorCode()) {
	case openfeature.ProviderNotReadyCode:
		return openfeature.NewProviderNotReadyResolutionError("no flag is known yet")
	case openfeature.FlagNotFoundCode:
		return openfeature.NewFlagNotFoundResolutionError("flag " + a.Flag + " is not there")
	case openfeature.TargetingKeyMissingCode:
		return openfeature.NewTargetingKeyMissingResolutionError("flag " + a.Flag + " needs " + unitOf(a))
	case openfeature.TypeMismatchCode:
		return openfeature.NewTypeMismatchResolutionError("flag " + a.Flag + " has a value of another type")
	}
	return openfeature.NewGeneralResolutionError("flag " + a.Flag + ": " + a.Reason.String())
}

// unitOf names what the context lacks.
func unitOf(a *client.Answer) string {
	doc, _ := a.Document()
	if name, ok := doc.Unit.Attribute(); ok {
		return "the attribute " + name
	}
	if doc.Unit == rampart.Request {
		return rampart.RequestID
	}
	return "a " + rampart.TargetingKey
}
