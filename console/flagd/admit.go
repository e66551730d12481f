package flagd

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rampart-dev/rampart/console/access"
)

var errUnknown = status.Error(codes.Unauthenticated, access.ErrUnknown.Error())

// admit lets in servers: a definition says whom a flag is on for, which is nothing for
// those who visit a page.
func (s *Service) admit(ctx context.Context, selector string) (*access.Grant, error) {
	md, _ := metadata.FromIncomingContext(ctx)
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
	if wait := grant.Take(s.Now()); wait > 0 {
		return nil, status.Error(codes.ResourceExhausted, "too many requests of this token")
	}
	for _, more := range md.Get("flagd-selector") {
		if selector == "" {
			selector = more
		}
	}
	if selector != "" && strings.TrimPrefix(selector, "flagSetId=") != s.Environment {
		return nil, status.Errorf(codes.NotFound, "there is no flag set %q here; this is %s", selector, s.Environment)
	}
	return grant, nil
}
