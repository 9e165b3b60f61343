package faults

import (
	"runtime"
	"strings"
	"testing/synctest"
	"time"
)

// graceMax is how much virtual time goroutines get to end after everything was closed:
// more than any timeout of a client or a server.
const graceMax = 5 * time.Minute

// leftovers returns the stacks of the goroutines in the caller's bubble, except its own,
// after everything in it has had the time to end.
func leftovers() []string {
	for waited, pause := time.Duration(0), time.Millisecond; ; pause *= 2 {
		synctest.Wait()
		stacks := othersInBubble(allStacks())
		if len(stacks) == 0 || waited >= graceMax {
			return stacks
		}
		time.Sleep(pause)
		waited += pause
	}
}

// allStacks returns the stacks of all goroutines, the caller's first.
func allStacks() string {
	for size := 1 << 16; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return string(buf[:n])
		}
	}
}

// othersInBubble returns the stacks of the goroutines that share a bubble with the first
// one, except for those that run the bubble. A stack begins with "goroutine 7 [select
// (durable), synctest bubble 3]:".
func othersInBubble(stacks string) []string {
	own, rest, _ := strings.Cut(stacks, "\n\n")
	bubble := bubbleOf(own)
	var others []string
	for stack := range strings.SplitSeq(rest, "\n\n") {
		if bubble != "" && bubbleOf(stack) == bubble && !strings.Contains(stack, "\ntesting/synctest.") {
			others = append(others, strings.TrimSpace(stack))
		}
	}
	return others
}

// bubbleOf returns the name of a goroutine's bubble, empty if there is none.
func bubbleOf(stack string) string {
	head, _, _ := strings.Cut(stack, "\n")
	_, bubble, found := strings.Cut(head, "synctest bubble ")
	if !found {
		return ""
	}
	end := strings.IndexFunc(bubble, func(r rune) bool { return r < '0' || r > '9' })
	return bubble[:max(end, 0)]
}
