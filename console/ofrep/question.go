package ofrep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/rampart-dev/rampart"
)

// What a question may hold. A context is looked at for every flag, so it is bounded
// beside its size. So are names: a property of an object is known by the names of all
// that it is in, and one long name before thousands of short ones would come to a
// hundred megabytes.
const (
	maxBody       = 64 << 10
	maxProperties = 200 // those of objects in it too
	maxName       = 256 // bytes
)

// The codes of the protocol's failures, beside those that reasons have.
const (
	parseError     = "PARSE_ERROR"
	invalidContext = "INVALID_CONTEXT"
)

// read returns whom a request asks about.
func read(r *http.Request) (rampart.Subject, *failure) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
			return rampart.Subject{}, &failure{Code: parseError, Details: "the body is not application/json"}
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return rampart.Subject{}, &failure{Code: invalidContext, Details: fmt.Sprintf("the body has more than %d bytes", maxBody)}
		}
		return rampart.Subject{}, &failure{Code: parseError, Details: "the body cannot be read"}
	}
	return subjectOf(body)
}

// subjectOf reads a body. Its errors do not quote it.
func subjectOf(body []byte) (s rampart.Subject, wrong *failure) {
	if !json.Valid(body) {
		return s, &failure{Code: parseError, Details: "the body is no JSON"}
	}
	var question struct {
		Context map[string]any `json:"context"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&question); err != nil || question.Context == nil {
		return s, &failure{Code: invalidContext, Details: "the body holds no object by the name of context"}
	}
	if wrong := bounded(question.Context, new(int)); wrong != nil {
		return s, wrong
	}
	if key, there := question.Context[rampart.TargetingKey]; there {
		if _, text := key.(string); !text {
			return s, &failure{Code: invalidContext, Details: "targetingKey is no string"}
		}
	}
	return rampart.SubjectOf(question.Context), nil
}

// bounded counts properties, those of objects in objects too.
func bounded(object map[string]any, n *int) *failure {
	if *n += len(object); *n > maxProperties {
		return &failure{Code: invalidContext, Details: fmt.Sprintf("the context has more than %d properties", maxProperties)}
	}
	for name, property := range object {
		if len(name) > maxName {
			return &failure{Code: invalidContext, Details: fmt.Sprintf("the name of a property has more than %d bytes", maxName)}
		}
		if inner, is := property.(map[string]any); is {
			if wrong := bounded(inner, n); wrong != nil {
				return wrong
			}
		}
	}
	return nil
}
