package jetstream

import (
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/api"
)

// status.go - what the statuses of servers mean: messages without payload whose
// header begins with a number, as "409 Consumer Deleted". It is pure.

// isStatus reports whether m is the word of a server, and no message of a stream.
func isStatus(m *api.Msg) bool { return len(m.Data) == 0 && len(m.Header) > 0 && m.Status() != 0 }

// statusPlace is where a status came from.
type statusPlace uint8

const (
	fromConsumer statusPlace = iota // to a pull, or where messages are pushed
	fromDirect                      // to a direct get
)

// statusShown is what users are told of a status.
type statusShown uint8

const (
	statusHidden  statusShown = iota // nothing: it is how pulls end
	statusWarning                    // that it happened; consuming goes on
	statusFailure                    // that it is over
)

// statusAction is what is to be done about a status beside counting.
type statusAction uint8

const (
	statusGoOn   statusAction = iota // pull again when it is due
	statusAlive                      // nothing: the server is there
	statusFlow                       // answer it, behind the messages before it
	statusAnew                       // forget all pulls, the server has: pull anew
	statusUnpin                      // forget the pin: another client has it
	statusHold                       // pull again in a moment
	statusWait                       // pull again in a while, or elsewhere
	statusFinish                     // give up: no pull can succeed any more
)

// statusMeaning is one row of the table.
type statusMeaning struct {
	place   statusPlace
	code    int
	text    string // what its text begins with, in any case; empty for any text
	kind    error  // nil: nothing is wrong
	ends    bool   // the pull that it answers is over
	pending bool   // it says how much of that pull will not come; if not, and it ends, nothing more comes
	shown   statusShown
	action  statusAction
}

// statusMeanings has the rows, those with a text before those without.
var statusMeanings = []statusMeaning{
	{fromConsumer, 100, "idle heartbeat", nil, false, false, statusHidden, statusAlive},
	{fromConsumer, 100, "flowcontrol request", nil, false, false, statusHidden, statusFlow},
	{fromConsumer, 100, "", nil, false, false, statusHidden, statusAlive},
	{fromConsumer, 400, "", ErrPullBadRequest, true, false, statusFailure, statusFinish},
	{fromConsumer, 404, "", ErrNoMessages, true, false, statusHidden, statusGoOn},
	{fromConsumer, 408, "requests pending", ErrFetchTimeout, true, false, statusHidden, statusGoOn},
	{fromConsumer, 408, "", ErrFetchTimeout, true, true, statusHidden, statusGoOn},
	{fromConsumer, 409, "message size exceeds maxbytes", ErrMaxBytesExceeded, true, true, statusHidden, statusGoOn},
	{fromConsumer, 409, "batch completed", ErrBatchCompleted, true, true, statusHidden, statusGoOn},
	{fromConsumer, 409, "consumer deleted", ErrConsumerDeleted, true, false, statusFailure, statusFinish},
	{fromConsumer, 409, "consumer is push based", ErrNotPullConsumer, true, false, statusFailure, statusFinish},
	{fromConsumer, 409, "exceeded maxrequestbatch", ErrMaxRequestBatch, true, false, statusWarning, statusWait},
	{fromConsumer, 409, "exceeded maxrequestexpires", ErrMaxRequestExpires, true, false, statusWarning, statusWait},
	{fromConsumer, 409, "exceeded maxrequestmaxbytes", ErrMaxRequestMaxBytes, true, false, statusWarning, statusWait},
	{fromConsumer, 409, "exceeded maxwaiting", ErrMaxWaiting, true, false, statusWarning, statusWait},
	{fromConsumer, 409, "leadership change", ErrConsumerLeadershipChanged, true, false, statusWarning, statusAnew},
	{fromConsumer, 409, "server shutdown", ErrServerShutdown, true, true, statusWarning, statusWait},
	{fromConsumer, 412, "", ErrRequiredAPILevel, true, false, statusFailure, statusFinish},
	{fromConsumer, 423, "nats-wrong-pin-id", ErrPinIDMismatch, true, true, statusHidden, statusUnpin},
	{fromConsumer, 423, "", ErrPinIDMismatch, true, false, statusHidden, statusUnpin},
	{fromConsumer, 429, "", ErrTooManyRequests, true, false, statusWarning, statusWait},
	{fromConsumer, 503, "", errNobodyThere, true, false, statusWarning, statusWait},
	{fromDirect, 204, "", nil, true, false, statusHidden, statusFinish},
	{fromDirect, 404, "", ErrMsgNotFound, true, false, statusFailure, statusFinish},
	{fromDirect, 408, "", ErrAPIBadRequest, true, false, statusFailure, statusFinish},
	{fromDirect, 412, "", ErrRequiredAPILevel, true, false, statusFailure, statusFinish},
	{fromDirect, 413, "", ErrTooManyResults, true, false, statusFailure, statusFinish},
	{fromDirect, 429, "", ErrTooManyRequests, true, false, statusFailure, statusFinish},
	{fromDirect, 500, "", ErrServer, true, false, statusFailure, statusFinish},
	{fromDirect, 503, "", errNobodyThere, true, false, statusFailure, statusFinish},
}

// errNobodyThere: nobody answers for the consumer or the stream: it is gone, or has
// no leader at the moment.
var errNobodyThere JetStreamError = born("nobody answers for it", api.ErrNoResponders, ErrServiceUnavailable)

// meaningOf returns what a status means there. One that is not in the table ends the
// pull, is told, and is tried again later.
func meaningOf(place statusPlace, code int, text string) statusMeaning {
	for _, m := range statusMeanings {
		if m.place == place && m.code == code && startsWithFold(text, m.text) {
			return m
		}
	}
	kind := (&APIError{Code: code}).class()
	if place == fromDirect {
		return statusMeaning{place, code, "", kind, true, false, statusFailure, statusFinish}
	}
	return statusMeaning{place, code, "", kind, true, false, statusWarning, statusWait}
}

// startsWithFold reports whether text begins with the words, in any case.
func startsWithFold(text, words string) bool {
	return len(text) >= len(words) && strings.EqualFold(text[:len(words)], words)
}

// Fields of a status that says how much of a pull will not come.
const (
	pendingMessagesHeader = "Nats-Pending-Messages"
	pendingBytesHeader    = "Nats-Pending-Bytes"
)

// pendingIn returns how much of its pull a status says will not come; 0 where it
// says nothing, or nothing that can be.
func pendingIn(h api.Header) (msgs, bytes int) {
	return headerCount(h, pendingMessagesHeader), headerCount(h, pendingBytesHeader)
}

func headerCount(h api.Header, key string) int {
	n, err := strconv.Atoi(h.Get(key))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// statusFetchError returns the error for a status that ended a pull, without what
// only the caller knows.
func statusFetchError(m *api.Msg) *FetchError {
	e := &FetchError{Status: m.Status(), Description: m.Description()}
	e.PendingMsgs, e.PendingBytes = pendingIn(m.Header)
	e.Err = meaningOf(fromConsumer, e.Status, e.Description).kind
	return e
}
