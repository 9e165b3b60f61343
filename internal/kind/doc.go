// Package kind provides the module's error sentinels: values that say what kind of error it is
// and to which more general kinds it belongs.
//
//	ErrAuthExpired ──► ErrAuthorization
//	ErrFlushTimeout ──► ErrTimeout ──► context.DeadlineExceeded
//
// errors.Is walks the parents, so a caller that tests for the general kind also catches the
// special one. Data is in struct errors that wrap kinds, never in the kinds.
//
// A kind also answers the three questions that a program has about any error: what it is about,
// whether to try again, and whether the first try may have had its effect. [CategoryOf],
// [CanRetry] and [MayHaveSent] ask a whole tree of errors, and the first answer counts, so a
// struct error that knows better than its kind has its own method Category, Retryable or
// MaybeSent.
package kind
