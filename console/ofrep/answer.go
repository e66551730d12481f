package ofrep

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/rampart-dev/rampart"
)

// evaluation is the answer of one flag.
type evaluation struct {
	Key      string          `json:"key"`
	Value    json.RawMessage `json:"value,omitempty"` // absent: the caller's default
	Reason   string          `json:"reason"`
	Variant  string          `json:"variant,omitempty"`
	Metadata metadata        `json:"metadata"`
}

// failure is the answer where there is none.
type failure struct {
	Key      string    `json:"key,omitempty"`
	Code     string    `json:"errorCode,omitempty"`
	Details  string    `json:"errorDetails,omitempty"`
	Metadata *metadata `json:"metadata,omitempty"`
}

// metadata is what telemetry wants to know of an answer.
type metadata struct {
	FlagSet string         `json:"flagSetId"` // the environment
	Version int64          `json:"flagVersion,omitempty"`
	Phase   rampart.Phase  `json:"phase,omitempty"`
	Arm     rampart.Arm    `json:"arm"`
	Reason  rampart.Reason `json:"reason"` // ours, which says more
}

func (h *Handler) metadata(d rampart.Decision) metadata {
	return metadata{FlagSet: h.Environment, Version: d.Version, Phase: d.Phase, Arm: d.Arm, Reason: d.Reason}
}

// evaluated says a decision in the words of the protocol. It knows a status for each:
// those of failures are for a single flag.
func (h *Handler) evaluated(d rampart.Decision, v *rampart.Value) (status int, answer any) {
	meta := h.metadata(d)
	switch d.Reason {
	case rampart.ReasonDefault:
		return http.StatusInternalServerError, failure{Key: d.Flag, Code: d.Reason.ErrorCode(), Details: notReady}
	case rampart.ReasonUnknownFlag, rampart.ReasonRemoved:
		return http.StatusNotFound, notFound(d.Flag)
	case rampart.ReasonNoUnit:
		return http.StatusBadRequest, failure{Key: d.Flag, Code: d.Reason.ErrorCode(), Metadata: &meta,
			Details: "the context lacks what this flag divides by: targetingKey, requestId or an attribute"}
	}
	e := evaluation{Key: d.Flag, Reason: reason(d.Reason), Variant: d.Variant(), Metadata: meta}
	if v != nil {
		e.Value, _ = v.JSON()
	}
	if bytes.Equal(e.Value, null) { // the protocol has no such value; its absence comes closest
		e.Value = nil
	}
	return http.StatusOK, e
}

var null = []byte("null")

const notReady = "no flag is known yet: the flag store has not been reached since the start"

func notFound(key string) failure {
	return failure{Key: key, Code: rampart.ReasonUnknownFlag.ErrorCode(), Details: "there is no such flag"}
}

// reason says a reason in the words of the protocol, which has fewer than OpenFeature.
func reason(r rampart.Reason) string {
	switch said := r.Standard(); said {
	case "STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED":
		return said
	}
	return "UNKNOWN"
}

// write answers with JSON. What is evaluated for somebody is for nobody else, so no
// cache on the way keeps it.
func write(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil { // a value that is no JSON is no value; see rampart.Value
		status, body = http.StatusInternalServerError, []byte(`{"errorDetails":"the answer cannot be written"}`)
	}
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
