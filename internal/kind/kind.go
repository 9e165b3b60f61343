package kind

import (
	"fmt"
	"strings"
)

// Kind is an error sentinel with static parents. It is immutable and is
// compared by identity; make one with [New] and keep it in a package variable.
type Kind struct {
	msg     string
	parents []error
	answers answers
}

// answers are a kind's answers for the errors that belong to it.
type answers struct {
	category Category
	traits   Trait
}

// New returns a kind with the given text and the kinds it is a special case of.
// Its answers are those of the first parent that is a Kind, or embeds one; see [Kind.In].
func New(msg string, parents ...error) *Kind {
	k := &Kind{msg: msg, parents: parents, answers: answers{category: Unknown, traits: MaybeSent}}
	for _, p := range parents {
		if parent, ok := p.(interface{ own() answers }); ok {
			k.answers = parent.own()
			break
		}
	}
	return k
}

// In gives the kind its own answers: the category and the traits of its errors. It must be
// called before the kind is used, and returns the kind.
func (k *Kind) In(c Category, traits ...Trait) *Kind {
	k.answers = answers{category: c}
	for _, t := range traits {
		k.answers.traits |= t
	}
	return k
}

// own returns the answers, for kinds that inherit them.
func (k *Kind) own() answers { return k.answers }

// Error returns the text of the kind.
func (k *Kind) Error() string { return k.msg }

// Unwrap returns the parents, so that errors.Is and errors.As see them.
func (k *Kind) Unwrap() []error { return k.parents }

// Category returns what the kind's errors are about.
func (k *Kind) Category() Category { return k.answers.category }

// Retryable reports whether the same call may succeed later.
func (k *Kind) Retryable() bool { return k.answers.traits&Retry != 0 }

// MaybeSent reports whether the call may have had its effect.
func (k *Kind) MaybeSent() bool { return k.answers.traits&MaybeSent != 0 }

// Plain returns the text of an error without the module's name, as a part of another error's
// text that begins with it.
func Plain(err error) string { return strings.TrimPrefix(fmt.Sprint(err), "troupe: ") }
