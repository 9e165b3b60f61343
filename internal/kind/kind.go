package kind

// Kind is an error sentinel with static parents. It is immutable and is
// compared by identity; make one with [New] and keep it in a package variable.
type Kind struct {
	msg     string
	parents []error
}

// New returns a kind with the given text and the kinds it is a special case of.
func New(msg string, parents ...error) *Kind {
	return &Kind{msg: msg, parents: parents}
}

// Error returns the text of the kind.
func (k *Kind) Error() string { return k.msg }

// Unwrap returns the parents, so that errors.Is and errors.As see them.
func (k *Kind) Unwrap() []error { return k.parents }
