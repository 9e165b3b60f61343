package micro_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// The recipes of docs/MICRO.md. What stands there is taken from here, word for word.

// Order and Receipt are what the recipes ask and answer.
type (
	Order   struct{ Item string }
	Receipt struct{ Number int }
)

func TestRecipeFirstSteps(t *testing.T) {
	nc := connected(t)
	svc, err := micro.AddService(nc, micro.Config{Name: "Shop", Version: "1.0.0"})
	must.Do(t, err)
	err = svc.AddGroup("shop").AddEndpoint("order", micro.JSON(func(ctx context.Context, o Order) (Receipt, error) {
		if o.Item == "snow" {
			return Receipt{}, micro.NewServiceError("OUT_OF_STOCK", "no snow today")
		}
		return Receipt{Number: 7}, nil
	}), micro.WithEndpointSchema(micro.SchemaOf[Order](), micro.SchemaOf[Receipt]()))
	must.Do(t, err)

	client, err := micro.NewClient(nc)
	must.Do(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	answer, err := client.Request(ctx, "shop.order", []byte(`{"Item":"rain"}`))
	must.Do(t, err)
	if string(answer.Data) != `{"Number":7}` {
		t.Errorf("%s", answer.Data)
	}
	for item, want := range map[string]string{"rain": "ordered", "snow": "there is none: no snow today"} {
		if got := orderedBy(ctx, client, item); got != want {
			t.Errorf("%s: %s", item, got)
		}
	}
	stopped(t, svc)
	if got := orderedBy(ctx, client, "rain"); got != "not done: try again later" {
		t.Error(got)
	}
}

// orderedBy returns the outcome of an order.
func orderedBy(ctx context.Context, client *micro.Client, item string) (outcome string) {
	_, err := client.Request(ctx, "shop.order", fmt.Appendf(nil, `{"Item":%q}`, item))
	var refused *micro.ServiceError
	switch {
	case err == nil:
		outcome = "ordered"
	case errors.Is(err, &micro.ServiceError{Code: "OUT_OF_STOCK"}) && errors.As(err, &refused):
		outcome = "there is none: " + refused.Description
	case api.Retryable(err) && !api.MaybeSent(err):
		outcome = "not done: try again later"
	default:
		outcome = "it may have been done: " + err.Error()
	}
	return outcome
}

func TestRecipeLimits(t *testing.T) {
	nc := connected(t)
	svc := added(t, nc, micro.Config{})
	handler := echo
	err := svc.AddEndpoint("render", handler,
		micro.WithEndpointConcurrency(4),                         // at once
		micro.WithEndpointPendingLimits(100, 8<<20),              // waiting or in the handler; the others get OVERLOADED
		micro.WithEndpointTimeout(10*time.Second),                // the context of each call
		micro.WithEndpointOnBlocked(30*time.Second, api.Restart)) // a call that does not end with it is given up
	must.Do(t, err)
	ask(t, nc, "render", "")
	must.Do(t, svc.RemoveEndpoint("render")) // what has come is answered
}

func TestRecipeMiddleware(t *testing.T) {
	nc := connected(t)
	authorized := func(next micro.Func) micro.Func {
		return func(ctx context.Context, req micro.Request) error {
			if req.Headers().Get("Token") == "" {
				return micro.NewServiceError(micro.CodeUnauthorized, "a token is needed")
			}
			return next(ctx, req)
		}
	}
	svc, err := micro.AddService(nc, micro.Config{Name: "Shop", Version: "1.0.0", Middleware: []micro.Middleware{authorized}})
	must.Do(t, err)
	must.Do(t, svc.AddEndpoint("e", echo))
	if err := micro.ErrorOf(ask(t, nc, "e", "")); !errors.Is(err, micro.ErrUnauthorized) {
		t.Error(err)
	}
	stopped(t, svc)
}

func TestRecipeStop(t *testing.T) {
	svc := added(t, connected(t), micro.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	report, err := svc.StopContext(ctx)
	if errors.Is(err, micro.ErrStopTimeout) {
		t.Log("left behind:", report) // by endpoint: in handlers, waiting
	}
	must.Do(t, err)
}

func TestRecipeFind(t *testing.T) {
	nc := connected(t)
	added(t, nc, micro.Config{Name: "Shop"})
	client := must.Get(micro.NewClient(nc))(t)
	ctx := must.Within(t, patience)
	for change, err := range client.Watch(ctx, "Shop") {
		if err != nil {
			t.Log("asked in vain:", err) // nobody is gone for it
			continue
		}
		t.Log(change.Kind, change.Info.ID, len(change.Info.Endpoints))
		break
	}
}

// unindented returns the lines without the blanks around them, so that a piece of code is
// the same wherever it stands.
func unindented(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

func TestTheDocumentShowsWhatRuns(t *testing.T) {
	source := unindented(string(must.Get(os.ReadFile("recipes_test.go"))(t)))
	document := string(must.Get(os.ReadFile("../docs/MICRO.md"))(t))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(document, -1)
	if len(blocks) < 6 {
		t.Errorf("%d pieces of code", len(blocks))
	}
	for _, block := range blocks {
		if code := strings.TrimSpace(unindented(block[1])); !strings.Contains(source, "\n"+code+"\n") {
			t.Errorf("not in recipes_test.go:\n%s", block[1])
		}
	}
}

// TestTheDocumentNamesEveryOption, every code and every state.
func TestTheDocumentNamesEveryOption(t *testing.T) {
	document := string(must.Get(os.ReadFile("../docs/MICRO.md"))(t))
	var code strings.Builder
	for _, name := range must.Get(filepath.Glob("*.go"))(t) {
		if !strings.HasSuffix(name, "_test.go") {
			code.Write(must.Get(os.ReadFile(name))(t))
		}
	}
	found := 0
	for _, name := range regexp.MustCompile(`(?m)^\tstate\w+ += "(\w+)"|^func ((?:With|Watch|Hedge)\w*)[\[(]|^\tCode\w+ += "(\w+)"`).FindAllStringSubmatch(code.String(), -1) {
		found++
		if word := name[1] + name[2] + name[3]; !strings.Contains(document, "`"+word) {
			t.Errorf("%s is not named", word)
		}
	}
	if found < 40 {
		t.Errorf("%d names in the code", found)
	}
}

// TestTheDocumentNamesWhatIsThere: what it calls by a name is declared here or in package api.
func TestTheDocumentNamesWhatIsThere(t *testing.T) {
	var code strings.Builder
	for _, pattern := range []string{"*.go", "../api/*.go", "../supervisor/*.go"} {
		for _, name := range must.Get(filepath.Glob(pattern))(t) {
			if name != "doc.go" && !strings.HasSuffix(name, "_test.go") {
				code.Write(must.Get(os.ReadFile(name))(t))
			}
		}
	}
	text := string(must.Get(os.ReadFile("../docs/MICRO.md"))(t))
	names := regexp.MustCompile("`(?:\\*|\\w+\\.)?([A-Z]\\w+)[`(]").FindAllStringSubmatch(text, -1)
	if len(names) < 60 {
		t.Errorf("%d names", len(names))
	}
	for _, name := range names {
		if !regexp.MustCompile(`\b` + name[1] + `\b`).MatchString(code.String()) {
			t.Errorf("there is no %s", name[1])
		}
	}
}
