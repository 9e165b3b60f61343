package jetstream_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// The recipes of docs/JETSTREAM.md, whose code is copied from here, word for word.

// recipe connects to its own server.
func recipe(t *testing.T) (context.Context, *api.Conn) {
	t.Helper()
	server := natsserver.Run(t, natsserver.Options{JetStream: true})
	nc, err := api.Connect(server.URL())
	must.Do(t, err)
	t.Cleanup(nc.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx, nc
}

func TestRecipeFirstSteps(t *testing.T) {
	ctx, nc := recipe(t)
	handled := make(chan string, 1)
	js, err := jetstream.New(nc, jetstream.WithIdempotentRetry())
	must.Do(t, err)
	orders, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	must.Do(t, err)
	_, err = js.Publish(ctx, "orders.new", []byte("two of the red ones"))
	must.Do(t, err)

	billing, err := orders.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "billing"})
	must.Do(t, err)
	consuming, err := billing.ConsumeFunc(func(ctx context.Context, m jetstream.Msg) error {
		handled <- string(m.Data())
		return nil // acknowledged; an error has it delivered again
	})
	must.Do(t, err)

	select {
	case got := <-handled:
		if got != "two of the red ones" {
			t.Errorf("handled %q", got)
		}
	case <-ctx.Done():
		t.Fatal("nothing came")
	}
	consuming.Drain()
	<-consuming.Closed()
}

func TestRecipeOutcomes(t *testing.T) {
	ctx, nc := recipe(t)
	js := must.Get(jetstream.New(nc))(t)
	const subject = "nobody.takes.this"
	var outcome string
	ack, err := js.Publish(ctx, subject, nil, jetstream.WithMsgID("order-7"), jetstream.WithRetryAttempts(0))
	var refused *jetstream.APIError
	switch {
	case err == nil:
		outcome = "it is stored: " + ack.Stream
	case errors.Is(err, jetstream.ErrPublishUnknown):
		outcome = "it may be stored: publish it again, with the same id"
	case errors.As(err, &refused):
		outcome = "it is not stored: the stream says why"
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		outcome = "it is not stored: no stream takes the subject, or it has no leader"
	default:
		outcome = "it was not sent"
	}
	if !strings.HasPrefix(outcome, "it is not stored: no stream") {
		t.Errorf("%s: %v", outcome, err)
	}
}

func TestRecipeAsync(t *testing.T) {
	ctx, nc := recipe(t)
	js := must.Get(jetstream.New(nc, jetstream.WithIdempotentRetry()))(t)
	must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}))(t)
	var futures []jetstream.PubAckFuture
	for range 1000 {
		future, err := js.PublishAsyncContext(ctx, "orders.new", []byte("one"))
		must.Do(t, err)
		futures = append(futures, future)
	}
	for _, future := range futures {
		_, err := future.Wait(ctx)
		must.Do(t, err)
	}
	stream := must.Get(js.Stream(ctx, "ORDERS"))(t)
	if n := stream.CachedInfo().State.Msgs; n != 1000 {
		t.Errorf("%d messages are stored", n)
	}
}

func TestRecipePolicies(t *testing.T) {
	ctx, nc := recipe(t)
	js := must.Get(jetstream.New(nc))(t)
	orders := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>", "dead.>"}}))(t)
	billing := must.Get(orders.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "billing", FilterSubject: "orders.>"}))(t)
	bill := func(context.Context, jetstream.Msg) error { return errors.New("no such customer") }
	must.Get(js.Publish(ctx, "orders.new", []byte("one")))(t)
	consuming, err := billing.ConsumeFunc(bill,
		jetstream.Concurrency(8), // handlers at once,
		jetstream.OrderedBy(func(m jetstream.Msg) string { return m.Subject() }), // and in order for each subject
		jetstream.AutoExtend(5*time.Minute),                                      // a handler may take longer than AckWait
		jetstream.Attempts(3),                                                    // a message that fails three times
		jetstream.RetryBackoff(api.Backoff{Initial: 50 * time.Millisecond, Max: time.Minute}),
		jetstream.DeadLetterTo("dead.billing"),         // is kept here
		jetstream.OnMissing(jetstream.MissingRecreate), // if another client deletes the consumer
		jetstream.OnHeartbeatLoss(api.Policy{Directive: api.Restart}),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { t.Log(err) }))
	must.Do(t, err)
	defer consuming.Stop()
	letters := must.Get(orders.CreateConsumer(ctx, jetstream.ConsumerConfig{FilterSubject: "dead.>"}))(t)
	letter := must.Get(letters.NextWithContext(ctx))(t)
	if cause := letter.Headers().Get(jetstream.DeadLetterCauseHeader); cause != "no such customer" {
		t.Errorf("the cause is %q", cause)
	}
}

func TestRecipeBatch(t *testing.T) {
	ctx, nc := recipe(t)
	js := must.Get(jetstream.New(nc))(t)
	must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "BANK", Subjects: []string{"account.*"}, AllowAtomicPublish: true}))(t)
	const seen = 0
	batch, err := jetstream.NewBatchPublisher(js)
	must.Do(t, err)
	err = batch.Add(ctx, "account.ann", []byte("-10"), jetstream.WithExpectLastSequencePerSubject(seen))
	must.Do(t, err)
	ack, err := batch.Commit(ctx, "account.bob", []byte("+10"))
	var failed *jetstream.BatchError
	if errors.As(err, &failed) && failed.Outcome == jetstream.BatchUnknown {
		ack, err = batch.Resolve(ctx) // asks the stream; failed again: it cannot be told
	}
	must.Do(t, err)
	if stream := must.Get(js.Stream(ctx, "BANK"))(t); ack.Count != 2 || stream.CachedInfo().State.Msgs != 2 {
		t.Errorf("%+v", stream.CachedInfo().State)
	}
}

func TestRecipeFastIngest(t *testing.T) {
	ctx, nc := recipe(t)
	js := must.Get(jetstream.New(nc))(t)
	must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "SENSORS", Subjects: []string{"sensor.*"}, AllowBatchPublish: true}))(t)
	sensor, err := jetstream.NewFastPublisher(js)
	must.Do(t, err)
	for range 10_000 {
		_, err := sensor.Add(ctx, "sensor.1", []byte("21 °C"))
		must.Do(t, err)
	}
	ack, err := sensor.Close(ctx) // when all is stored
	must.Do(t, err)
	if ack.Count != 10_000 {
		t.Errorf("%+v", ack)
	}
}

func TestRecipeReplay(t *testing.T) {
	ctx, nc := recipe(t)
	js := must.Get(jetstream.New(nc))(t)
	must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}))(t)
	for range 10 {
		must.Get(js.Publish(ctx, "orders.new", nil))(t)
	}
	var last string
	count := 0
	history, err := js.OrderedConsumer(ctx, "ORDERS", jetstream.OrderedConsumerConfig{})
	must.Do(t, err)
	messages, err := history.Messages(jetstream.StopAfter(10))
	must.Do(t, err)
	for m, err := range messages.All(ctx) {
		must.Do(t, err)
		last = m.Subject()
		count++
	}
	if count != 10 || last != "orders.new" {
		t.Errorf("%d messages, the last on %q", count, last)
	}
}

// unindented trims the lines, so that a piece of code is the same at any indentation.
func unindented(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

func TestTheDocumentShowsWhatRuns(t *testing.T) {
	source := unindented(string(must.Get(os.ReadFile("recipes_test.go"))(t)))
	document := string(must.Get(os.ReadFile("../docs/JETSTREAM.md"))(t))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(document, -1)
	if len(blocks) < 7 {
		t.Errorf("%d pieces of code", len(blocks))
	}
	for _, block := range blocks {
		if code := strings.TrimSpace(unindented(block[1])); !strings.Contains(source, "\n"+code+"\n") {
			t.Errorf("not in recipes_test.go:\n%s", block[1])
		}
	}
}

// TestTheDocumentNamesEveryState of a consumer, and every option of ours.
func TestTheDocumentNamesEveryState(t *testing.T) {
	document := string(must.Get(os.ReadFile("../docs/JETSTREAM.md"))(t))
	code := string(must.Get(os.ReadFile("puller.go"))(t)) + string(must.Get(os.ReadFile("consumeoption.go"))(t))
	found := 0
	for _, name := range regexp.MustCompile(`(?m)^\tstate\w+ += "(\w+)"$|^func (\w+)\(|^\t(Missing\w+)( Missing = iota)?$`).FindAllStringSubmatch(code, -1) {
		found++
		if word := name[1] + name[2] + name[3]; !strings.Contains(document, "`"+word) {
			t.Errorf("%s is not named", word)
		}
	}
	if found < 15 {
		t.Errorf("%d names in the code", found)
	}
}

// TestTheDocumentsNameWhatIsThere: names in the document and in the package's comment are
// declared here or in package api.
func TestTheDocumentsNameWhatIsThere(t *testing.T) {
	var code strings.Builder
	for _, pattern := range []string{"*.go", "../api/*.go"} {
		for _, name := range must.Get(filepath.Glob(pattern))(t) {
			if name != "doc.go" && !strings.HasSuffix(name, "_test.go") {
				code.Write(must.Get(os.ReadFile(name))(t))
			}
		}
	}
	text := string(must.Get(os.ReadFile("../docs/JETSTREAM.md"))(t))
	names := regexp.MustCompile("`(?:\\*|\\w+\\.)?([A-Z]\\w+)[`(]").FindAllStringSubmatch(text, -1)
	_, words, _ := strings.Cut(string(must.Get(os.ReadFile("doc.go"))(t)), "# What is where")
	names = append(names, regexp.MustCompile(`\b([A-Z]\w+[A-Z]\w*)\b`).FindAllStringSubmatch(words, -1)...)
	if len(names) < 80 {
		t.Errorf("%d names", len(names))
	}
	for _, name := range names {
		if word := name[1]; word != "JETSTREAM" && !regexp.MustCompile(`\b`+word+`\b`).MatchString(code.String()) {
			t.Errorf("there is no %s", word)
		}
	}
}
