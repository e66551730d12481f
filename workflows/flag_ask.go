package workflows

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// requestPatience is how long a request may take: less than whoever asked waits. A
// store that answers later must not do what everybody believes has failed.
const requestPatience = 5 * time.Second

func (f *flag) mayRegister(c rampart.FlagChange) error {
	if c.New && f.Intent.Flag.Version != 0 {
		return fmt.Errorf("%s is there already; use set to change it", f.Name)
	}
	return f.sane(c)
}

func (f *flag) maySet(c rampart.FlagChange) error {
	if f.Intent.Flag.Version == 0 {
		return fmt.Errorf("%s does not exist; create it first", f.Name)
	}
	return f.sane(c)
}

func (f *flag) sane(c rampart.FlagChange) error {
	if err := checkAsk(rampart.Ask{By: c.By, Reason: c.Reason}); err != nil {
		return err
	}
	switch {
	case c.Flag.Name != f.Name:
		return fmt.Errorf("the document is of %s, this is %s", line(c.Flag.Name, maxName), f.Name)
	case c.Flag.Exposure < 0 || c.Flag.Exposure > rampart.Full:
		return fmt.Errorf("an exposure of %s is not between 0 %% and 100 %%", c.Flag.Exposure)
	}
	if document, err := json.Marshal(c.Flag); err != nil || len(document) > rampart.MaxFlagBytes {
		return fmt.Errorf("the document has %d bytes, more than %d", len(document), rampart.MaxFlagBytes)
	}
	return nil
}

func (f *flag) mayAsk(a rampart.Ask) error {
	if f.Intent.Flag.Version == 0 {
		return fmt.Errorf("%s does not exist", f.Name)
	}
	return checkAsk(a)
}

// register makes the flag where it is new, and returns it as it is. One that the
// store has already is taken up as it is there: then this workflow was ended from
// outside, and knows nothing.
func (f *flag) register(ctx workflow.Context, c rampart.FlagChange) (rampart.Flag, error) {
	return f.alone(ctx, func() (rampart.Flag, error) {
		if f.Intent.Flag.Version != 0 {
			return f.Intent.Flag, nil
		}
		var there activities.Stored
		if err := workflow.ExecuteActivity(f.asking(ctx, "look for "+f.Name), do.Look, f.Name).Get(ctx, &there); err != nil {
			return rampart.Flag{}, told(err)
		}
		if there.Found {
			return f.takeUp(there, c.New)
		}
		doc := c.Flag
		doc.Format, doc.HashVersion, doc.CreatedAt = doc.NeedsFormat(), rampart.HashVersion, workflow.Now(ctx).UnixMilli()
		if doc.Salt == "" {
			doc.Salt = doc.Name
		}
		return f.write(ctx, "create", doc, c.By, c.Reason)
	})
}

func (f *flag) takeUp(there activities.Stored, fresh bool) (rampart.Flag, error) {
	f.Intent.Flag, f.Fence = there.Flag, max(f.Fence, there.Flag.Version)
	f.learn(there.Kill)
	if there.Owner == f.launchID() {
		f.Taken, f.Intent.Launch = there.Flag.Version, there.Owner
	}
	if fresh {
		return there.Flag, fmt.Errorf("%s is there already; use set to change it", f.Name)
	}
	return there.Flag, nil
}

// set changes what a launch would otherwise change. What makes decisions sticky
// stays as it is for life.
func (f *flag) set(ctx workflow.Context, c rampart.FlagChange) (rampart.Flag, error) {
	return f.unlaunched(ctx, c.By, func() (rampart.Flag, error) {
		doc := c.Flag
		was := f.Intent.Flag
		if c.Seen != 0 && was.Version > c.Seen {
			return was, fmt.Errorf("%s was changed by %s since it was looked at; look again, and set what is still to be set", f.Name, was.ChangedBy)
		}
		doc.Format, doc.Salt, doc.HashVersion, doc.CreatedAt = doc.NeedsFormat(), was.Salt, was.HashVersion, was.CreatedAt
		doc.HighWater = max(was.HighWater, doc.Exposure)
		return f.write(ctx, "set", doc, c.By, c.Reason)
	})
}

func (f *flag) disable(ctx workflow.Context, a rampart.Ask) (rampart.Flag, error) {
	return f.unlaunched(ctx, a.By, func() (rampart.Flag, error) {
		return f.write(ctx, "disable", baselineOf(f.Intent.Flag), a.By, a.Reason)
	})
}

// lift puts the document to its baseline before it lifts the register, so that
// exposure returns only through a launch.
func (f *flag) lift(ctx workflow.Context, a rampart.Ask) (rampart.Flag, error) {
	return f.unlaunched(ctx, a.By, func() (rampart.Flag, error) {
		var k *rampart.Kill
		if err := workflow.ExecuteActivity(f.asking(ctx, "read the kill register"), do.KillState, f.Name).Get(ctx, &k); err != nil {
			return rampart.Flag{}, told(err)
		}
		f.learn(k)
		if k = f.Intent.Kill; k == nil || !k.Killed {
			return rampart.Flag{}, fmt.Errorf("%s is not killed", f.Name)
		}
		if slices.Contains(k.Killers(), a.By) {
			return rampart.Flag{}, fmt.Errorf("%s was killed by %s, who cannot restore it: that takes a second person", f.Name, a.By)
		}
		doc, err := f.write(ctx, "restore", baselineOf(f.Intent.Flag), a.By, a.Reason)
		if err != nil {
			return doc, err
		}
		var lifted rampart.Kill
		err = workflow.ExecuteActivity(f.asking(ctx, "lift the kill"), do.Lift, activities.LiftInput{
			Flag: f.Name, By: a.By, Reason: a.Reason, Known: f.Intent.Kill,
		}).Get(ctx, &lifted)
		if err != nil {
			return doc, told(err)
		}
		f.learn(&lifted)
		return doc, nil
	})
}

func baselineOf(doc rampart.Flag) rampart.Flag {
	doc.Exposure, doc.Shadow, doc.Include, doc.Where, doc.Layer, doc.Launch, doc.Phase, doc.Lease = 0, 0, nil, nil, nil, "", "", 0
	doc.Format = doc.NeedsFormat()
	return doc
}

// unlaunched runs a request once no launch answers for the flag.
func (f *flag) unlaunched(ctx workflow.Context, by string, request func() (rampart.Flag, error)) (rampart.Flag, error) {
	return f.alone(ctx, func() (rampart.Flag, error) {
		if f.Intent.Launch != "" {
			if err := f.takePen(ctx, by); err != nil {
				return f.Intent.Flag, err
			}
		}
		return request()
	})
}

// takePen takes the flag back from a launch whose workflow was ended from outside, so
// that it could neither turn back nor hand over. A launch that is under way keeps it.
func (f *flag) takePen(ctx workflow.Context, by string) error {
	f.Fence = max(f.Fence+1, workflow.Now(ctx).UnixMilli())
	var got activities.Taken
	err := workflow.ExecuteActivity(f.asking(ctx, "has the launch of "+f.Name+" ended?"), do.Take, activities.TakeInput{
		Flag: f.Name, Launch: f.launchID(), Owner: f.id, At: f.Fence, By: by,
	}).Get(ctx, &got)
	switch {
	case err != nil:
		return told(err)
	case got.Open:
		return fmt.Errorf("%s is being launched (%s), and its launch answers for it; turn the launch back instead", f.Name, f.launchID())
	}
	f.Intent.Launch = ""
	if got.Found {
		f.Intent.Flag, f.Fence = got.Flag, max(f.Fence, got.Flag.Version)
	}
	return nil
}

func (f *flag) launchID() string { return rampart.LaunchID(f.Environment, f.Name) }

// alone runs one request at a time.
func (f *flag) alone(ctx workflow.Context, request func() (rampart.Flag, error)) (rampart.Flag, error) {
	f.messages++
	if f.busy {
		free, err := workflow.AwaitWithTimeout(ctx, requestPatience, func() bool { return !f.busy })
		if err == nil && !free {
			err = fmt.Errorf("another change of %s is under way, and the flag store does not answer; nothing was changed", f.Name)
		}
		if err != nil {
			return rampart.Flag{}, err
		}
	}
	f.busy = true
	defer func() { f.busy = false }()
	doc, err := request()
	f.show(ctx)
	return doc, err
}

// write puts a document into the store under the flag's own pen.
func (f *flag) write(ctx workflow.Context, verb string, doc rampart.Flag, by, reason string) (rampart.Flag, error) {
	acknowledged, took, clockAhead := f.Intent.Flag.Version, false, false
	for {
		f.Fence++
		if !clockAhead {
			f.Fence = max(f.Fence, workflow.Now(ctx).UnixMilli())
		}
		doc.Version, doc.ChangedAt, doc.ChangedBy, doc.Reason = f.Fence, workflow.Now(ctx).UnixMilli(), by, reason
		doc.Launch, doc.Phase, doc.Lease = "", "", 0
		in := activities.ExposeInput{
			Flag: doc, Pen: rampart.Pen{Owner: f.id, Fence: f.Fence}, Acknowledged: acknowledged,
			Verb: verb, By: by, Reason: reason,
		}
		var got activities.Exposed
		err := workflow.ExecuteActivity(f.asking(ctx, fmt.Sprintf("%s %s → %s", verb, f.Name, reach(doc))), do.Expose, in).Get(ctx, &got)
		if gaveUp(err) { // it may have been written all the same
			f.Owed = "a change was given up: the store did not answer in time"
		}
		switch {
		case err != nil:
			return doc, told(err)
		case got.Answer == activities.Written:
			f.Intent.Flag = doc
			return doc, nil
		case got.Answer == activities.Owned && took:
			return doc, fmt.Errorf("%s is held by another writer: %s", f.Name, got.Detail)
		case got.Answer == activities.Owned: // by a launch that began, or left, without this workflow being told
			if err := f.takePen(ctx, by); err != nil {
				return doc, err
			}
			took, acknowledged = true, f.Intent.Flag.Version
		case got.Answer == activities.Dead:
			return doc, fmt.Errorf("%s is killed; restore it first", f.Name)
		case got.Answer == activities.Ahead && !clockAhead && workflow.GetVersion(ctx, "write-ahead", workflow.DefaultVersion, 1) > 0:
			// As a launch does. The time of a workflow never goes back, so after a jump of
			// Temporal's clock nobody could turn the flag off for as long as it was.
			clockAhead, f.Fence = true, got.Stored
			continue
		case got.Answer == activities.Ahead:
			return doc, fmt.Errorf("%s cannot be written: %s", f.Name, got.Detail)
		case got.Answer == activities.Lost:
			acknowledged = 0
		}
		f.Fence = max(f.Fence, got.Stored)
	}
}

// asking are the options of what a person waits for.
func (f *flag) asking(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithScheduleToCloseTimeout(f.writing(ctx, summary), requestPatience)
}

// told turns what an activity failed with into a sentence.
func told(err error) error {
	if gaveUp(err) {
		return fmt.Errorf("the flag store did not answer within %s, and nothing will be changed later: %s", rampart.Duration(requestPatience), message(err))
	}
	return fmt.Errorf("%s", message(err))
}
