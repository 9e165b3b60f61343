package supervisor

import "strconv"

// Scope says which children of a supervisor share the fate of one that failed.
type Scope uint8

const (
	// OneForOne restarts the failed child alone. It is the default.
	OneForOne Scope = iota
	// RestForOne restarts the failed child and every child started after it:
	// for children that depend on those before them, as writer and heartbeat
	// depend on the reader's socket.
	RestForOne

	scopeEnd // one past the last scope
)

var scopeNames = [scopeEnd]string{OneForOne: "one-for-one", RestForOne: "rest-for-one"}

// String returns the stable name of the scope.
func (s Scope) String() string {
	if s >= scopeEnd {
		return "scope(" + strconv.Itoa(int(s)) + ")"
	}
	return scopeNames[s]
}

// MarshalText returns the stable name.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Affected returns the indices of the children to restart after the one at index failed
// has failed, in the order in which they must be started again; stop them in the reverse
// order first. children are the names in the order of their start. An index outside
// children affects nobody; an unknown scope is OneForOne.
func Affected(scope Scope, children []string, failed int) (restart []int) {
	if failed < 0 || failed >= len(children) {
		return nil
	}
	if scope != RestForOne {
		return []int{failed}
	}
	restart = make([]int, 0, len(children)-failed)
	for i := failed; i < len(children); i++ {
		restart = append(restart, i)
	}
	return restart
}
