package flagd

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/rampart-dev/rampart/console/access"
)

var errUnknown = status.Error(codes.Unauthenticated, access.ErrUnknown.Error())

// Knock turns away whom no token lets in, before anything is kept for the call. A call
// reaches the methods only once its message is there, and whoever never sends it could
// have calls wait for as long as there are connections.
func (s *Service) Knock(ctx context.Context, call *tap.Info) (context.Context, error) {
	_, err := s.grantOf(call.Header)
	return ctx, err
}

// grantOf lets in servers: a definition says whom a flag is on for, which is nothing for
// those who visit a page.
func (s *Service) grantOf(md metadata.MD) (*access.Grant, error) {
	shown := http.Header{}
	for _, name := range []string{"Authorization", "X-API-Key"} {
		for _, value := range md.Get(name) {
			shown.Add(name, value)
		}
	}
	grant, err := s.Grants.Of(access.Secret(shown))
	switch {
	case errors.Is(err, access.ErrElsewhere):
		return nil, status.Error(codes.PermissionDenied, err.Error())
	case err != nil:
		return nil, status.Error(codes.Unauthenticated, err.Error())
	case grant.Kind != access.Server:
		return nil, status.Error(codes.PermissionDenied, "this is for tokens of servers")
	}
	return grant, nil
}

// admit lets in whoever a token lets in, as often as it does, and who asks for what is
// here.
func (s *Service) admit(ctx context.Context, selector string) (*access.Grant, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	grant, err := s.grantOf(md)
	if err != nil {
		return nil, err
	}
	if wait := grant.Take(s.Now()); wait > 0 {
		return nil, status.Error(codes.ResourceExhausted, "too many requests of this token")
	}
	for _, more := range md.Get("flagd-selector") {
		if selector == "" {
			selector = more
		}
	}
	if selector != "" && strings.TrimPrefix(selector, "flagSetId=") != s.Environment {
		return nil, status.Errorf(codes.NotFound, "there is no flag set %.100q here; this is %s", selector, s.Environment)
	}
	return grant, nil
}
