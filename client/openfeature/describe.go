package openfeature

import (
	"maps"
	"strconv"
	"sync/atomic"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// The names of what the provider tells of a flag. Version and FlagSetID are those that
// OpenFeature's telemetry looks for.
const (
	FlagVersion = "flagVersion" // int64
	Version     = "version"     // the same as a string
	FlagSetID   = "flagSetId"   // the environment
	Phase       = "phase"       // of the launch; only where there is one
	ArmName     = "arm"         // on, off or none
	ReasonName  = "reason"      // in our own words: LEASE_ENDED, ...
)

// describe fills in an answer's details as OpenFeature has them.
func (p *Provider) describe(a *client.Answer, d *openfeature.ProviderResolutionDetail) {
	d.Reason = openfeature.Reason(a.Reason.Standard())
	if p.tells {
		d.FlagMetadata = p.metadataOf(a)
	}
	switch {
	case a.Reason.ErrorCode() != "":
		d.ResolutionError = failure(a)
	case a.Served():
		d.Variant = p.variantOf(a)
	}
}

func (p *Provider) variantOf(a *client.Answer) string {
	if doc, ok := a.Document(); ok && p.options.Variant != nil {
		return p.options.Variant(doc, a.On)
	}
	return a.Variant()
}

// reasons is how many reasons there is room for.
const reasons = 32

// described is what has been told of one version of a flag, by arm and reason.
type described struct {
	version int64
	told    [rampart.ArmOn + 1][reasons]atomic.Pointer[openfeature.FlagMetadata]
}

// metadataOf returns what is made once for each version, arm and reason. Unless it is
// to be shared, it is a copy: OpenFeature's multi-provider writes into what it gets.
func (p *Provider) metadataOf(a *client.Answer) openfeature.FlagMetadata {
	doc, ok := a.Document()
	if !ok {
		return nil
	}
	arm, reason := a.Arm, a.Reason
	if p.options.Describe != nil {
		arm, reason = 0, 0
	}
	if int(reason) >= reasons {
		return p.newMetadata(a, doc)
	}
	told := &p.knownOf(a).told[arm][reason]
	m := told.Load()
	if m == nil {
		made := p.newMetadata(a, doc)
		m = &made
		told.Store(m)
	}
	if p.options.ShareMetadata {
		return *m
	}
	return maps.Clone(*m)
}

func (p *Provider) knownOf(a *client.Answer) *described {
	if was, ok := p.described.Load(a.Handle()); ok && was.(*described).version == a.Version {
		return was.(*described)
	}
	known := &described{version: a.Version}
	p.described.Store(a.Handle(), known)
	return known
}

func (p *Provider) newMetadata(a *client.Answer, doc *rampart.Flag) openfeature.FlagMetadata {
	if p.options.Describe != nil {
		return maps.Clone(p.options.Describe(doc))
	}
	m := openfeature.FlagMetadata{
		FlagVersion: a.Version,
		Version:     strconv.FormatInt(a.Version, 10),
		FlagSetID:   a.Environment(),
		ArmName:     a.Arm.String(),
		ReasonName:  a.Reason.String(),
	}
	if a.Phase != "" {
		m[Phase] = string(a.Phase)
	}
	return m
}
