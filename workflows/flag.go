package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
)

// FlagInput is what a flag's own workflow is started, and continued, with.
type FlagInput struct {
	Environment string             `json:"environment"`
	Name        string             `json:"name"`
	Intent      rampart.FlagIntent `json:"intent"`
	Fence       int64              `json:"fence,omitempty"`
	Taken       int64              `json:"taken,omitempty"`     // the version with which the last launch began
	Answered    int64              `json:"answered,omitempty"`  // the version with which the last launch ended
	Owed        string             `json:"owed,omitempty"`      // why the store may not have the document
	Ends        *rampart.Outcome   `json:"ends,omitempty"`      // of a launch, once the store has what it is owed
	Attesting   bool               `json:"attesting,omitempty"` // the memo shows which document is meant
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
	workflow.GoNamed(ctx, "repair", f.repair)
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
	busy     bool   // a request is writing; the next one waits
	telling  int    // notices under way
	attested string // what the memo shows
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
		{rampart.UpdateSweep, "Take the flag back from a launch that is gone, and turn it back.", f.sweep, f.maySweep},
		{rampart.UpdateAttest, "Show from now on in the memo which document is meant.", f.attest, nil},
	} {
		opts := workflow.UpdateHandlerOptions{Description: u.description, Validator: u.check}
		if err := workflow.SetUpdateHandlerWithOptions(ctx, u.name, u.handler, opts); err != nil {
			return err
		}
	}
	return nil
}

// launching hands the flag to a launch. The two handovers come on channels of their
// own, so they may be read in another order than they were sent; all launches of a
// flag have the same ID, and only the version tells them apart.
func (f *flag) launching(h rampart.Handover) {
	if h.Flag.Name != f.Name || h.Flag.Version <= f.Answered {
		return
	}
	f.Taken, f.Intent.Launch = max(f.Taken, h.Flag.Version), h.Launch
}

// answer takes the flag back, unless another launch has it by now.
func (f *flag) answer(h rampart.Handover) {
	if h.Flag.Name != f.Name {
		return
	}
	f.learn(h.Kill)
	f.Answered, f.Fence = max(f.Answered, h.Flag.Version), max(f.Fence, h.Flag.Version)
	if h.Flag.Version >= f.Intent.Flag.Version {
		f.Intent.Flag, f.Intent.Last = h.Flag, h.Outcome
	}
	if f.Answered >= f.Taken {
		f.Intent.Launch = ""
	}
}

// learn joins what is known of the kill register: the highest version wins. Who has
// killed is remembered here as well, because a failover may make the store forget.
func (f *flag) learn(k *rampart.Kill) {
	known := f.Intent.Kill
	if k == nil || k.Flag != f.Name || known != nil && k.Version <= known.Version {
		return
	}
	if known != nil {
		later := k.After(*known)
		k = &later
	}
	f.Intent.Kill = k
}

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
	f.showDocument(ctx)
}
