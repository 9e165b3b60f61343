// Package kind gives the module its error sentinels: values that say what
// kind of thing went wrong and which more general kinds they belong to.
//
//	ErrAuthExpired ──► ErrAuthorization
//	ErrFlushTimeout ──► ErrTimeout ──► context.DeadlineExceeded
//
// errors.Is walks the parents, so a caller who tests for the general kind also
// catches the special one. Data travels in struct errors beside the kinds,
// never in them.
//
// A kind also answers the three questions that a program asks of any error: what
// it is about, whether to try again, and whether the first try may have had its
// effect. [CategoryOf], [CanRetry] and [MayHaveSent] ask them of a whole tree of
// errors: the first error that answers counts, so a struct error that knows
// better than its kind has a method Category, Retryable or MaybeSent.
package kind
