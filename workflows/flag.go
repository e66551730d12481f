package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// FlagInput is what a flag's own workflow is started, and continued, with.
type FlagInput struct {
	Environment string             `json:"environment"`
	Name        string             `json:"name"`
	Intent      rampart.FlagIntent `json:"intent"`
	Fence       int64              `json:"fence,omitempty"`
}

// messagesARun is how many messages a run takes before it continues as new, so that
// a flag that lives for years has a short history.
const messagesARun = 1000

// Flag answers for one flag while no launch does. What it holds to be true lives
// here, in Temporal, so an emptied store is restored whole. It is open for as long
// as the flag exists, and is continued as new now and then.
func Flag(ctx workflow.Context, in FlagInput) error {
	f := &flag{FlagInput: in, id: workflow.GetInfo(ctx).WorkflowExecution.ID}
	if err := f.listen(ctx); err != nil {
		return err
	}
	f.show(ctx)
	err := workflow.Await(ctx, func() bool {
		return f.messages >= messagesARun || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
	})
	if err != nil {
		return err
	}
	// Nothing unread may be left behind: what arrived in this task is taken in first.
	if err := workflow.Await(ctx, func() bool { return f.idle() && workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	f.drain()
	return workflow.NewContinueAsNewError(ctx, Flag, f.FlagInput)
}

type flag struct {
	FlagInput
	id       string
	messages int
	busy     bool // a request is writing; the next one waits
	inbound  []workflow.ReceiveChannel
}

func (f *flag) listen(ctx workflow.Context) error {
	for _, s := range []struct {
		name, description string
		take              func(rampart.Handover)
	}{
		{rampart.SignalLaunching, "A launch answers for the flag from now on.", f.launching},
		{rampart.SignalAnswer, "The launch has ended; this is the document it left.", f.answer},
	} {
		ch := workflow.GetSignalChannelWithOptions(ctx, s.name, workflow.SignalChannelOptions{Description: s.description})
		f.inbound = append(f.inbound, ch)
		workflow.GoNamed(ctx, s.name, func(ctx workflow.Context) {
			for {
				var h rampart.Handover
				if !ch.Receive(ctx, &h) {
					return
				}
				f.messages++
				s.take(h)
				f.show(ctx)
			}
		})
	}
	f.listenForKill(ctx)
	return f.handle(ctx)
}

func (f *flag) listenForKill(ctx workflow.Context) {
	ch := workflow.GetSignalChannelWithOptions(ctx, rampart.SignalKilled, workflow.SignalChannelOptions{
		Description: "What the kill register of the store says."})
	f.inbound = append(f.inbound, ch)
	workflow.GoNamed(ctx, rampart.SignalKilled, func(ctx workflow.Context) {
		for {
			var k rampart.Kill
			if !ch.Receive(ctx, &k) {
				return
			}
			f.messages++
			f.learn(&k)
			f.show(ctx)
		}
	})
}

func (f *flag) handle(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, rampart.QueryFlag,
		func() (rampart.FlagIntent, error) { return f.Intent, nil },
		workflow.QueryHandlerOptions{Description: "The document that this workflow answers for."})
	if err != nil {
		return err
	}
	for _, u := range []struct {
		name, description string
		handler, check    any
	}{
		{rampart.UpdateRegister, "Make the flag, if it is new.", f.register, f.mayRegister},
		{rampart.UpdateSet, "Change the flag without a launch.", f.set, f.maySet},
		{rampart.UpdateDisable, "Turn the flag off without a launch.", f.disable, f.mayAsk},
		{rampart.UpdateLift, "Write the baseline, then lift the kill register.", f.lift, f.mayAsk},
		{rampart.UpdateRestore, "Write the document again where the store has lost it.", f.restore, nil},
	} {
		opts := workflow.UpdateHandlerOptions{Description: u.description, Validator: u.check}
		if err := workflow.SetUpdateHandlerWithOptions(ctx, u.name, u.handler, opts); err != nil {
			return err
		}
	}
	return nil
}

func (f *flag) launching(h rampart.Handover) {
	f.Intent.Launch = h.Launch
	f.learn(h.Kill)
}

// answer takes the flag back, unless another launch has it by now.
func (f *flag) answer(h rampart.Handover) {
	f.learn(h.Kill)
	if f.Intent.Launch != h.Launch && f.Intent.Launch != "" {
		return
	}
	f.Intent.Launch, f.Intent.Last = "", h.Outcome
	if h.Flag.Version >= f.Intent.Flag.Version {
		f.Intent.Flag = h.Flag
	}
	f.Fence = max(f.Fence, h.Flag.Version)
}

// learn joins what is known of the kill register: the highest version wins.
func (f *flag) learn(k *rampart.Kill) {
	if k != nil && (f.Intent.Kill == nil || k.Version > f.Intent.Kill.Version) {
		f.Intent.Kill = k
	}
}

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
	if f.Intent.Launch != "" {
		return fmt.Errorf("%s is being launched (%s); its launch answers for it", f.Name, f.Intent.Launch)
	}
	return f.sane(c)
}

func (f *flag) sane(c rampart.FlagChange) error {
	switch {
	case c.By == "":
		return fmt.Errorf("the request does not say who makes it")
	case c.Flag.Name != f.Name:
		return fmt.Errorf("the document is of %s, this is %s", c.Flag.Name, f.Name)
	case c.Flag.Exposure < 0 || c.Flag.Exposure > rampart.Full:
		return fmt.Errorf("an exposure of %s is not between 0 %% and 100 %%", c.Flag.Exposure)
	}
	return nil
}

func (f *flag) mayAsk(a rampart.Ask) error {
	switch {
	case a.By == "":
		return fmt.Errorf("the request does not say who makes it")
	case f.Intent.Flag.Version == 0:
		return fmt.Errorf("%s does not exist", f.Name)
	case f.Intent.Launch != "":
		return fmt.Errorf("%s is being launched (%s); turn the launch back instead", f.Name, f.Intent.Launch)
	}
	return nil
}

// register makes the flag where it is new, and returns it as it is.
func (f *flag) register(ctx workflow.Context, c rampart.FlagChange) (rampart.Flag, error) {
	return f.alone(ctx, func() (rampart.Flag, error) {
		if f.Intent.Flag.Version != 0 {
			return f.Intent.Flag, nil
		}
		doc := c.Flag
		doc.Format, doc.HashVersion, doc.CreatedAt = rampart.FlagFormat, rampart.HashVersion, workflow.Now(ctx).UnixMilli()
		if doc.Salt == "" {
			doc.Salt = doc.Name
		}
		return f.write(ctx, "create", doc, c.By, c.Reason)
	})
}

// set changes what a launch would otherwise change. What makes decisions sticky
// stays as it is for life.
func (f *flag) set(ctx workflow.Context, c rampart.FlagChange) (rampart.Flag, error) {
	return f.alone(ctx, func() (rampart.Flag, error) {
		doc := c.Flag
		was := f.Intent.Flag
		doc.Format, doc.Salt, doc.HashVersion, doc.CreatedAt = rampart.FlagFormat, was.Salt, was.HashVersion, was.CreatedAt
		doc.HighWater = max(was.HighWater, doc.Exposure)
		return f.write(ctx, "set", doc, c.By, c.Reason)
	})
}

func (f *flag) disable(ctx workflow.Context, a rampart.Ask) (rampart.Flag, error) {
	return f.alone(ctx, func() (rampart.Flag, error) {
		return f.write(ctx, "disable", baselineOf(f.Intent.Flag), a.By, a.Reason)
	})
}

// lift puts the document to its baseline before it lifts the register, so that
// exposure returns only through a launch.
func (f *flag) lift(ctx workflow.Context, a rampart.Ask) (rampart.Flag, error) {
	return f.alone(ctx, func() (rampart.Flag, error) {
		var k *rampart.Kill
		if err := workflow.ExecuteActivity(f.writing(ctx, "read the kill register"), do.KillState, f.Name).Get(ctx, &k); err != nil {
			return rampart.Flag{}, err
		}
		f.learn(k)
		if k = f.Intent.Kill; k == nil || !k.Killed {
			return rampart.Flag{}, fmt.Errorf("%s is not killed", f.Name)
		}
		if k.By == a.By {
			return rampart.Flag{}, fmt.Errorf("%s was killed by %s, who cannot restore it: that takes a second person", f.Name, k.By)
		}
		doc, err := f.write(ctx, "restore", baselineOf(f.Intent.Flag), a.By, a.Reason)
		if err != nil {
			return doc, err
		}
		var lifted rampart.Kill
		err = workflow.ExecuteActivity(f.writing(ctx, "lift the kill"), do.Lift, activities.LiftInput{Flag: f.Name, By: a.By, Reason: a.Reason}).Get(ctx, &lifted)
		if err != nil {
			return doc, err
		}
		f.learn(&lifted)
		return doc, nil
	})
}

func baselineOf(doc rampart.Flag) rampart.Flag {
	doc.Exposure, doc.Include, doc.Where, doc.Launch, doc.Phase, doc.Lease = 0, nil, nil, "", "", 0
	return doc
}

// restore writes the intent again where the store has lost it. While a launch
// answers for the flag, the launch does that.
func (f *flag) restore(ctx workflow.Context, why string) (bool, error) {
	if f.Intent.Flag.Version == 0 {
		return false, nil
	}
	if id := f.Intent.Launch; id != "" {
		if err := workflow.SignalExternalWorkflow(ctx, id, "", rampart.SignalLost, why).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("the launch could not be told of the loss", "launch", id, "error", err)
		}
	}
	var done bool
	_, err := f.alone(ctx, func() (rampart.Flag, error) {
		for {
			f.Fence = max(f.Fence+1, workflow.Now(ctx).UnixMilli())
			in := activities.RestoreInput{
				Flag: f.Intent.Flag, Kill: f.Intent.Kill, Pen: rampart.Pen{Owner: f.id, Fence: f.Fence}, Why: why,
				Launch: f.Intent.Launch,
			}
			var got activities.Restored
			if err := workflow.ExecuteActivity(f.writing(ctx, "restore "+f.Name), do.Restore, in).Get(ctx, &got); err != nil {
				return f.Intent.Flag, err
			}
			switch {
			case got.Answer == activities.Stale:
				f.Fence = max(f.Fence, got.Version)
				continue
			case got.Answer == activities.Written && got.Done && f.Intent.Launch == "":
				f.Intent.Flag.Version = got.Version
			}
			done = got.Done
			return f.Intent.Flag, nil
		}
	})
	return done, err
}

// alone runs one request at a time.
func (f *flag) alone(ctx workflow.Context, request func() (rampart.Flag, error)) (rampart.Flag, error) {
	if err := workflow.Await(ctx, func() bool { return !f.busy }); err != nil {
		return rampart.Flag{}, err
	}
	f.busy = true
	f.messages++
	defer func() { f.busy = false }()
	doc, err := request()
	f.show(ctx)
	return doc, err
}

// write puts a document into the store under the flag's own pen.
func (f *flag) write(ctx workflow.Context, verb string, doc rampart.Flag, by, reason string) (rampart.Flag, error) {
	for {
		f.Fence = max(f.Fence+1, workflow.Now(ctx).UnixMilli())
		doc.Version, doc.ChangedAt, doc.ChangedBy, doc.Reason = f.Fence, workflow.Now(ctx).UnixMilli(), by, reason
		doc.Launch, doc.Phase, doc.Lease = "", "", 0
		in := activities.ExposeInput{
			Flag: doc, Pen: rampart.Pen{Owner: f.id, Fence: f.Fence}, Acknowledged: f.Intent.Flag.Version,
			Verb: verb, By: by, Reason: reason,
		}
		var got activities.Exposed
		if err := workflow.ExecuteActivity(f.writing(ctx, fmt.Sprintf("%s %s → %s", verb, f.Name, reach(doc))), do.Expose, in).Get(ctx, &got); err != nil {
			return doc, fmt.Errorf("%s", message(err))
		}
		switch got.Answer {
		case activities.Written:
			f.Intent.Flag = doc
			return doc, nil
		case activities.Owned:
			return doc, fmt.Errorf("%s is held by another writer: %s", f.Name, got.Detail)
		case activities.Dead:
			return doc, fmt.Errorf("%s is killed; restore it first", f.Name)
		case activities.Lost:
			f.Intent.Flag.Version = 0
		}
		f.Fence = max(f.Fence, got.Stored)
	}
}

func (f *flag) writing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: summary, RetryPolicy: patiently,
	})
}

func (f *flag) idle() bool { return !f.busy }

// drain reads what has arrived but was not yet taken in.
func (f *flag) drain() {
	for i, ch := range f.inbound {
		for {
			if i == len(f.inbound)-1 {
				var k rampart.Kill
				if !ch.ReceiveAsync(&k) {
					break
				}
				f.learn(&k)
				continue
			}
			var h rampart.Handover
			if !ch.ReceiveAsync(&h) {
				break
			}
			if i == 0 {
				f.launching(h)
			} else {
				f.answer(h)
			}
		}
	}
}

// show tells Temporal UI what this workflow holds to be true.
func (f *flag) show(ctx workflow.Context) {
	doc := f.Intent.Flag
	state := string(doc.Lifecycle)
	if f.Intent.Kill != nil && f.Intent.Kill.Killed {
		state = string(rampart.Killed)
	}
	text := fmt.Sprintf("**%s** in %s · %s · %s at %s", f.Name, f.Environment, doc.Owner, state, reach(doc))
	if f.Intent.Launch != "" {
		text += "\n\nits launch answers for it: " + f.Intent.Launch
	}
	workflow.SetCurrentDetails(ctx, text)
	err := workflow.UpsertTypedSearchAttributes(ctx, flagKey.ValueSet(f.Name), environmentKey.ValueSet(f.Environment),
		stateKey.ValueSet(state), ownerKey.ValueSet(doc.Owner), percentKey.ValueSet(doc.Exposure.Float()))
	if err != nil {
		workflow.GetLogger(ctx).Warn("search attributes were not updated", "error", err)
	}
}
