package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// perform runs steps on a stage without connection or server.
func perform(t *testing.T, steps ...step) (code int, out string) {
	t.Helper()
	var buf bytes.Buffer
	s := &stage{screen: newScreen(&buf), events: newJournal()}
	code = s.perform(steps, stepMax)
	return code, buf.String()
}

func says(line string) func(context.Context, *stage) (shown, error) {
	return func(context.Context, *stage) (shown, error) { return shown{line: line}, nil }
}

func TestStepsRunInOrderUntilOneFails(t *testing.T) {
	bad := step{"second", func(context.Context, *stage) (shown, error) { return shown{}, errors.New("two\nis wrong") }}
	code, out := perform(t, step{"first", says("one")}, bad, step{"third", says("three")})
	want := "ok  first              one\nno  second             failed\nquickstart: FAILED: second: two is wrong\n"
	if code != 1 || !strings.HasSuffix(out, want) {
		t.Errorf("exit %d\n%s\nwant at the end\n%s", code, out, want)
	}
}

func TestAStepThatNoticesItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		code, out := perform(t, step{"slow", func(ctx context.Context, _ *stage) (shown, error) {
			return shown{}, await(ctx, nil, "the moon")
		}})
		want := "quickstart: FAILED: slow: not finished after 1m0s: waited in vain for the moon\n"
		if code != 1 || !strings.HasSuffix(out, want) || time.Since(began) != stepMax {
			t.Errorf("exit %d after %v\n%s", code, time.Since(began), out)
		}
	})
}

func TestAStepThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, release := time.Now(), make(chan struct{})
		code, out := perform(t, step{"stuck", func(context.Context, *stage) (shown, error) {
			<-release
			return shown{}, nil
		}})
		want := "quickstart: FAILED: stuck: not finished after 1m0s: did not return\n"
		if code != 1 || !strings.HasSuffix(out, want) || time.Since(began) != stepMax+graceMax {
			t.Errorf("exit %d after %v\n%s", code, time.Since(began), out)
		}
		close(release)
	})
}

func TestAStepThatEndsLateButWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code, out := perform(t, step{"late", func(ctx context.Context, _ *stage) (shown, error) {
			<-ctx.Done()
			return shown{line: "done"}, nil
		}})
		if code != 0 || !strings.HasSuffix(out, "quickstart: ok\n") {
			t.Errorf("exit %d\n%s", code, out)
		}
	})
}
