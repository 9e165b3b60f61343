// Package kind gives the module its error sentinels: values that say what
// kind of thing went wrong and which more general kinds they belong to.
//
//	ErrAuthExpired ──► ErrAuthorization
//	ErrFlushTimeout ──► ErrTimeout ──► context.DeadlineExceeded
//
// errors.Is walks the parents, so a caller who tests for the general kind also
// catches the special one. Data travels in struct errors beside the kinds,
// never in them.
package kind
