package jetstream

import (
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/api"
)

// status.go - the meaning of statuses of servers: messages without payload whose header begins
// with a number, for example "409 Consumer Deleted". It is pure.

// isStatus reports whether m is a status of a server and not a message of a stream.
func isStatus(m *api.Msg) bool { return len(m.Data) == 0 && len(m.Header) > 0 && m.Status() != 0 }

// statusPlace is where a status came from.
type statusPlace uint8

const (
	fromConsumer statusPlace = iota // in answer to a pull, or on the subject of a push consumer
	fromDirect                      // in answer to a direct get
)

// statusShown is how a status is reported to the user.
type statusShown uint8

const (
	statusHidden  statusShown = iota // not at all: a normal end of a pull
	statusWarning                    // as a warning; consuming continues
	statusFailure                    // as the error that ends consuming
)

// statusAction is the reaction to a status, besides counting.
type statusAction uint8

const (
	statusGoOn   statusAction = iota // pull again when it is due
	statusAlive                      // none: a sign of life
	statusFlow                       // answer it, after the messages before it
	statusAnew                       // forget all pulls, as the server has, and pull again
	statusUnpin                      // forget the pin: another client has it
	statusHold                       // pull again after a short pause
	statusWait                       // pull again after a longer pause, or elsewhere
	statusFinish                     // give up: no further pull can succeed
)

// statusMeaning is one row of the table.
type statusMeaning struct {
	place   statusPlace
	code    int
	text    string // prefix of its text, in any case; empty for any text
	kind    error  // nil if nothing is wrong
	ends    bool   // it ends the pull that it answers
	pending bool   // it says how much of that pull will not be delivered; if false and ends is set, no more is delivered
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

// errNobodyThere: there is no responder for the consumer or the stream: it is gone, or has no
// leader at the moment.
var errNobodyThere JetStreamError = born("no server answers", api.ErrNoResponders, ErrServiceUnavailable)

// meaningOf returns the meaning of a status. One that is not in the table ends the pull, is
// reported, and leads to another pull later.
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

// startsWithFold reports whether text begins with words, ignoring case.
func startsWithFold(text, words string) bool {
	return len(text) >= len(words) && strings.EqualFold(text[:len(words)], words)
}

// Header fields of a status that say how much of a pull will not be delivered.
const (
	pendingMessagesHeader = "Nats-Pending-Messages"
	pendingBytesHeader    = "Nats-Pending-Bytes"
)

// pendingIn returns how much of its pull will not be delivered according to a status; 0 if it
// does not say, or is invalid.
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

// statusFetchError returns the error for a status that ended a pull, without the fields that only
// the caller knows.
func statusFetchError(m *api.Msg) *FetchError {
	e := &FetchError{Status: m.Status(), Description: m.Description()}
	e.PendingMsgs, e.PendingBytes = pendingIn(m.Header)
	e.Err = meaningOf(fromConsumer, e.Status, e.Description).kind
	return e
}
