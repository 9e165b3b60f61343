package api_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/protocol"
)

// verdict is what an error has to say of itself.
type verdict struct {
	err      error
	category api.Category
	traits   string // "retry", "sent", both, or neither
	parents  []error
}

// check asks an error everything.
func (a verdict) check(t *testing.T) {
	t.Helper()
	errortest.Check(t, a.err, errortest.Want{Category: a.category, Traits: a.traits, Parents: a.parents})
}

func is(parents ...error) []error { return parents }

// kindAnswers lists every exported kind. A new one has to be added here: somebody
// has to think about what a program is to do.
var kindAnswers = map[string]verdict{
	"ErrInvalidConnection":           {api.ErrInvalidConnection, api.CategoryInput, "", nil},
	"ErrInvalidContext":              {api.ErrInvalidContext, api.CategoryInput, "", nil},
	"ErrInvalidMsg":                  {api.ErrInvalidMsg, api.CategoryInput, "", nil},
	"ErrInvalidArg":                  {api.ErrInvalidArg, api.CategoryInput, "", nil},
	"ErrNoDeadlineContext":           {api.ErrNoDeadlineContext, api.CategoryInput, "", nil},
	"ErrBadTimeout":                  {api.ErrBadTimeout, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrInvalidCallback":             {api.ErrInvalidCallback, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrInvalidURL":                  {api.ErrInvalidURL, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrMixingWebsocketSchemes":      {api.ErrMixingWebsocketSchemes, api.CategoryInput, "", is(api.ErrInvalidURL, api.ErrInvalidArg)},
	"ErrWebSocketHeadersAlreadySet":  {api.ErrWebSocketHeadersAlreadySet, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrChanArg":                     {api.ErrChanArg, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrUserInfoAlreadySet":          {api.ErrUserInfoAlreadySet, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrTokenAlreadySet":             {api.ErrTokenAlreadySet, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrNoUserCB":                    {api.ErrNoUserCB, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrUserButNoSigCB":              {api.ErrUserButNoSigCB, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrNkeyButNoSigCB":              {api.ErrNkeyButNoSigCB, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrNkeyAndUser":                 {api.ErrNkeyAndUser, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrMultipleTLSConfigs":          {api.ErrMultipleTLSConfigs, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrClientCertOrRootCAsRequired": {api.ErrClientCertOrRootCAsRequired, api.CategoryInput, "", is(api.ErrInvalidArg)},
	"ErrMsgNotBound":                 {api.ErrMsgNotBound, api.CategoryInput, "", nil},
	"ErrMsgNoReply":                  {api.ErrMsgNoReply, api.CategoryInput, "", nil},
	"ErrSyncSubRequired":             {api.ErrSyncSubRequired, api.CategoryInput, "", nil},
	"ErrTypeSubscription":            {api.ErrTypeSubscription, api.CategoryInput, "", nil},
	"ErrBadSubject":                  {api.ErrBadSubject, api.CategoryInput, "", nil},
	"ErrBadQueueName":                {api.ErrBadQueueName, api.CategoryInput, "", is(api.ErrBadSubject)},
	"ErrBadHeaderMsg":                {api.ErrBadHeaderMsg, api.CategoryInput, "", is(api.ErrProtocol)},
	"ErrMaxPayload":                  {api.ErrMaxPayload, api.CategoryInput, "", nil},
	"ErrBadPolicy":                   {api.ErrBadPolicy, api.CategoryInput, "", nil},
	"ErrActorExists":                 {api.ErrActorExists, api.CategoryInput, "", nil},
	"ErrActorElsewhere":              {api.ErrActorElsewhere, api.CategoryInput, "", nil},

	"ErrConnectionClosed":   {api.ErrConnectionClosed, api.CategoryClosed, "", is(net.ErrClosed)},
	"ErrConnectionDraining": {api.ErrConnectionDraining, api.CategoryClosed, "", nil},
	"ErrBadSubscription":    {api.ErrBadSubscription, api.CategoryClosed, "", nil},
	"ErrChannelClosed":      {api.ErrChannelClosed, api.CategoryClosed, "", is(api.ErrBadSubscription)},
	"ErrMaxMessages":        {api.ErrMaxMessages, api.CategoryClosed, "", nil},
	"ErrActorStopped":       {api.ErrActorStopped, api.CategoryClosed, "", nil},
	"ErrSystemStopped":      {api.ErrSystemStopped, api.CategoryClosed, "", nil},

	"ErrConnectionReconnecting": {api.ErrConnectionReconnecting, api.CategoryConnection, "retry", nil},
	"ErrDisconnected":           {api.ErrDisconnected, api.CategoryConnection, "retry", nil},
	"ErrForcedReconnect":        {api.ErrForcedReconnect, api.CategoryConnection, "retry", is(api.ErrDisconnected)},
	"ErrServerLeaving":          {api.ErrServerLeaving, api.CategoryConnection, "retry", nil},
	"ErrNoServers":              {api.ErrNoServers, api.CategoryConnection, "retry", nil},
	"ErrStaleConnection":        {api.ErrStaleConnection, api.CategoryConnection, "retry sent", nil},
	"ErrUnexpectedEOF":          {api.ErrUnexpectedEOF, api.CategoryConnection, "retry sent", is(api.ErrStaleConnection, io.ErrUnexpectedEOF)},

	"ErrSecureConnWanted":   {api.ErrSecureConnWanted, api.CategoryTLS, "", nil},
	"ErrSecureConnRequired": {api.ErrSecureConnRequired, api.CategoryTLS, "", nil},
	"ErrSecureConnFailed":   {api.ErrSecureConnFailed, api.CategoryTLS, "", nil},
	"ErrConnectionNotTLS":   {api.ErrConnectionNotTLS, api.CategoryTLS, "", nil},

	"ErrAuthorization":          {api.ErrAuthorization, api.CategoryAuthorization, "", nil},
	"ErrAuthExpired":            {api.ErrAuthExpired, api.CategoryAuthorization, "", is(api.ErrAuthorization)},
	"ErrAuthRevoked":            {api.ErrAuthRevoked, api.CategoryAuthorization, "", is(api.ErrAuthorization)},
	"ErrAccountAuthExpired":     {api.ErrAccountAuthExpired, api.CategoryAuthorization, "", is(api.ErrAuthorization)},
	"ErrAuthTimeout":            {api.ErrAuthTimeout, api.CategoryAuthorization, "retry", is(api.ErrAuthorization, api.ErrTimeout)},
	"ErrAccountRegistration":    {api.ErrAccountRegistration, api.CategoryAuthorization, "retry", nil},
	"ErrInvalidUserCredentials": {api.ErrInvalidUserCredentials, api.CategoryAuthorization, "", nil},
	"ErrPermissionViolation":    {api.ErrPermissionViolation, api.CategoryPermission, "", nil},

	"ErrTimeout":      {api.ErrTimeout, api.CategoryTimeout, "retry sent", is(context.DeadlineExceeded)},
	"ErrFlushTimeout": {api.ErrFlushTimeout, api.CategoryTimeout, "retry sent", is(api.ErrTimeout, context.DeadlineExceeded)},
	"ErrWriteTimeout": {api.ErrWriteTimeout, api.CategoryTimeout, "retry sent", is(api.ErrTimeout)},
	"ErrDrainTimeout": {api.ErrDrainTimeout, api.CategoryTimeout, "sent", is(api.ErrTimeout, context.DeadlineExceeded)},
	"ErrCloseTimeout": {api.ErrCloseTimeout, api.CategoryTimeout, "sent", is(api.ErrTimeout)},

	"ErrOutboundBufferLimit":           {api.ErrOutboundBufferLimit, api.CategoryLimit, "retry", nil},
	"ErrOutletFull":                    {api.ErrOutletFull, api.CategoryLimit, "retry", is(api.ErrOutboundBufferLimit)},
	"ErrOutletDown":                    {api.ErrOutletDown, api.CategoryConnection, "retry", is(api.ErrDisconnected)},
	"ErrSlowConsumer":                  {api.ErrSlowConsumer, api.CategoryLimit, "retry", nil},
	"ErrMailboxFull":                   {api.ErrMailboxFull, api.CategoryLimit, "retry", nil},
	"ErrTooManyRequests":               {api.ErrTooManyRequests, api.CategoryLimit, "retry", nil},
	"ErrMaxConnectionsExceeded":        {api.ErrMaxConnectionsExceeded, api.CategoryLimit, "retry", nil},
	"ErrMaxAccountConnectionsExceeded": {api.ErrMaxAccountConnectionsExceeded, api.CategoryLimit, "retry", nil},
	"ErrConnectionThrottled":           {api.ErrConnectionThrottled, api.CategoryLimit, "retry", is(api.ErrMaxConnectionsExceeded)},
	"ErrMaxSubscriptionsExceeded":      {api.ErrMaxSubscriptionsExceeded, api.CategoryLimit, "retry", nil},

	"ErrNotRetryable":        {api.ErrNotRetryable, api.CategoryUnknown, "", nil},
	"ErrRetryUnsafe":         {api.ErrRetryUnsafe, api.CategoryUnknown, "sent", nil},
	"ErrRetryLimit":          {api.ErrRetryLimit, api.CategoryLimit, "retry", nil},
	"ErrRetryBudgetExceeded": {api.ErrRetryBudgetExceeded, api.CategoryLimit, "retry", nil},
	"ErrRetryDeadline":       {api.ErrRetryDeadline, api.CategoryTimeout, "retry", is(context.DeadlineExceeded)},

	"ErrCircuitOpen":  {api.ErrCircuitOpen, api.CategoryUnavailable, "retry", nil},
	"ErrNoResponders": {api.ErrNoResponders, api.CategoryUnavailable, "retry", nil},
	"ErrUnhealthy":    {api.ErrUnhealthy, api.CategoryUnavailable, "retry", nil},

	"ErrServer":               {api.ErrServer, api.CategoryServer, "sent", nil},
	"ErrHeadersNotSupported":  {api.ErrHeadersNotSupported, api.CategoryServer, "", nil},
	"ErrNkeysNotSupported":    {api.ErrNkeysNotSupported, api.CategoryServer, "", nil},
	"ErrNoEchoNotSupported":   {api.ErrNoEchoNotSupported, api.CategoryServer, "", nil},
	"ErrClientIDNotSupported": {api.ErrClientIDNotSupported, api.CategoryServer, "", nil},
	"ErrClientIPNotSupported": {api.ErrClientIPNotSupported, api.CategoryServer, "", nil},

	"ErrProtocol":         {api.ErrProtocol, api.CategoryProtocol, "retry sent", nil},
	"ErrUnknownOp":        {api.ErrUnknownOp, api.CategoryProtocol, "retry sent", is(api.ErrProtocol)},
	"ErrBadArguments":     {api.ErrBadArguments, api.CategoryProtocol, "retry sent", is(api.ErrProtocol)},
	"ErrBadFrameEnd":      {api.ErrBadFrameEnd, api.CategoryProtocol, "retry sent", is(api.ErrProtocol)},
	"ErrMaxControlLine":   {api.ErrMaxControlLine, api.CategoryProtocol, "retry sent", is(api.ErrProtocol)},
	"ErrMaxHeader":        {api.ErrMaxHeader, api.CategoryProtocol, "retry sent", is(api.ErrProtocol)},
	"ErrJSONParse":        {api.ErrJSONParse, api.CategoryProtocol, "retry", is(api.ErrProtocol)},
	"ErrNoInfoReceived":   {api.ErrNoInfoReceived, api.CategoryProtocol, "retry", is(api.ErrProtocol)},
	"ErrNotNATS":          {api.ErrNotNATS, api.CategoryProtocol, "", is(api.ErrProtocol)},
	"ErrWrongPort":        {api.ErrWrongPort, api.CategoryProtocol, "", is(api.ErrProtocol)},
	"ErrWebSocketUpgrade": {api.ErrWebSocketUpgrade, api.CategoryProtocol, "", nil},

	"ErrHandlerFailed":   {api.ErrHandlerFailed, api.CategoryHandler, "", nil},
	"ErrHandlerPanic":    {api.ErrHandlerPanic, api.CategoryHandler, "", is(api.ErrHandlerFailed)},
	"ErrHandlerExit":     {api.ErrHandlerExit, api.CategoryHandler, "", is(api.ErrHandlerFailed)},
	"ErrTooManyBlocked":  {api.ErrTooManyBlocked, api.CategoryHandler, "", is(api.ErrHandlerBlocked)},
	"ErrHandlerBlocked":  {api.ErrHandlerBlocked, api.CategoryHandler, "", is(api.ErrHandlerFailed)},
	"ErrRestartLimit":    {api.ErrRestartLimit, api.CategoryHandler, "", nil},
	"ErrEscalated":       {api.ErrEscalated, api.CategoryHandler, "", nil},
	"ErrCallbackFailed":  {api.ErrCallbackFailed, api.CategoryHandler, "", nil},
	"ErrServerNotInPool": {api.ErrServerNotInPool, api.CategoryHandler, "", nil},
	"ErrNoConnection":    {api.ErrNoConnection, api.CategoryHandler, "", nil},

	"ErrInternal":    {api.ErrInternal, api.CategoryInternal, "sent", nil},
	"ErrActorFailed": {api.ErrActorFailed, api.CategoryInternal, "sent", nil},
	"ErrActorPanic":  {api.ErrActorPanic, api.CategoryInternal, "sent", is(api.ErrActorFailed)},
}

// otherNames are the names in errornames.go.
var otherNames = map[string][2]error{
	"ErrReconnectBufExceeded":  {api.ErrReconnectBufExceeded, api.ErrOutboundBufferLimit},
	"ErrTLS":                   {api.ErrTLS, api.ErrSecureConnFailed},
	"ErrJsonParse":             {api.ErrJsonParse, api.ErrJSONParse},
	"ErrNoInfo":                {api.ErrNoInfo, api.ErrNoInfoReceived},
	"ErrBadHeaders":            {api.ErrBadHeaders, api.ErrBadHeaderMsg},
	"ErrInvalidCallbackType":   {api.ErrInvalidCallbackType, api.ErrInvalidCallback},
	"ErrMaxConnections":        {api.ErrMaxConnections, api.ErrMaxConnectionsExceeded},
	"ErrMaxAccountConnections": {api.ErrMaxAccountConnections, api.ErrMaxAccountConnectionsExceeded},
	"ErrMaxSubscriptions":      {api.ErrMaxSubscriptions, api.ErrMaxSubscriptionsExceeded},
}

// said is what a server may say.
func said(text string) error { return protocol.ClassifyServerError([]byte(text)) }

// dataAnswers lists every exported error with data, in each of its roles.
var dataAnswers = map[string][]verdict{
	"InvalidArgError":      {{&api.InvalidArgError{Kind: api.ErrChanArg}, api.CategoryInput, "", is(api.ErrChanArg, api.ErrInvalidArg)}},
	"BadTimeoutError":      {{&api.BadTimeoutError{}, api.CategoryInput, "", is(api.ErrBadTimeout, api.ErrInvalidArg)}},
	"InvalidCallbackError": {{&api.InvalidCallbackError{}, api.CategoryInput, "", is(api.ErrInvalidCallback, api.ErrBadSubscription)}},
	"URLError": {
		{&api.URLError{}, api.CategoryInput, "", is(api.ErrInvalidURL)},
		{&api.URLError{Kind: api.ErrMixingWebsocketSchemes}, api.CategoryInput, "", is(api.ErrMixingWebsocketSchemes, api.ErrInvalidURL)},
	},
	"BadSubjectError": {
		{&api.BadSubjectError{}, api.CategoryInput, "", is(api.ErrBadSubject)},
		{&api.BadSubjectError{Role: protocol.RoleQueue}, api.CategoryInput, "", is(api.ErrBadQueueName, api.ErrBadSubject)},
	},
	"HeaderError": {{&api.HeaderError{}, api.CategoryInput, "", is(api.ErrBadHeaderMsg, api.ErrProtocol)}},
	"MaxPayloadError": {
		{&api.MaxPayloadError{}, api.CategoryInput, "", is(api.ErrMaxPayload)},
		{&api.MaxPayloadError{ByServer: true, Err: said("Maximum Payload Violation")}, api.CategoryInput, "", is(api.ErrMaxPayload)},
	},
	"CircuitOpenError": {{&api.CircuitOpenError{LastErr: api.ErrTimeout}, api.CategoryUnavailable, "retry", is(api.ErrCircuitOpen)}},
	"RetryError": {
		{&api.RetryError{Errs: []error{api.ErrTimeout, api.ErrNoResponders}, Cause: api.ErrRetryLimit}, api.CategoryUnavailable, "retry sent",
			is(api.ErrRetryLimit, api.ErrTimeout, api.ErrNoResponders)},
		{&api.RetryError{Errs: []error{api.ErrBadSubject}, Cause: api.ErrNotRetryable}, api.CategoryInput, "", is(api.ErrNotRetryable, api.ErrBadSubject)},
		{&api.RetryError{Cause: context.Canceled}, api.CategoryCanceled, "", is(context.Canceled)},
	},
	"PolicyError":          {{&api.PolicyError{}, api.CategoryInput, "", is(api.ErrBadPolicy)}},
	"UserCredentialsError": {{&api.UserCredentialsError{Err: fs.ErrNotExist}, api.CategoryAuthorization, "", is(api.ErrInvalidUserCredentials, fs.ErrNotExist)}},
	"ConnectionClosedError": {
		{&api.ConnectionClosedError{}, api.CategoryClosed, "", is(api.ErrConnectionClosed, net.ErrClosed)},
		{&api.ConnectionClosedError{Cause: api.ErrUnexpectedEOF}, api.CategoryClosed, "", is(api.ErrConnectionClosed, api.ErrUnexpectedEOF)},
		{&api.ConnectionClosedError{Sent: true}, api.CategoryClosed, "sent", is(api.ErrConnectionClosed)},
	},
	"BadSubscriptionError": {
		{&api.BadSubscriptionError{}, api.CategoryClosed, "", is(api.ErrBadSubscription)},
		{&api.BadSubscriptionError{Cause: api.ErrSlowConsumer}, api.CategoryClosed, "", is(api.ErrBadSubscription, api.ErrSlowConsumer)},
	},
	"ActorStoppedError":        {{&api.ActorStoppedError{Cause: api.ErrTimeout}, api.CategoryClosed, "", is(api.ErrActorStopped, api.ErrTimeout)}},
	"OutboundBufferLimitError": {{&api.OutboundBufferLimitError{}, api.CategoryLimit, "retry", is(api.ErrOutboundBufferLimit)}},
	"SlowConsumerError":        {{&api.SlowConsumerError{}, api.CategoryLimit, "retry", is(api.ErrSlowConsumer)}},
	"MailboxFullError":         {{&api.MailboxFullError{}, api.CategoryLimit, "retry", is(api.ErrMailboxFull)}},
	"NoRespondersError":        {{&api.NoRespondersError{}, api.CategoryUnavailable, "retry", is(api.ErrNoResponders)}},
	"HealthError":              {{&api.HealthError{}, api.CategoryUnavailable, "retry", is(api.ErrUnhealthy)}},
	"TimeoutError": {
		{&api.TimeoutError{}, api.CategoryTimeout, "retry", is(api.ErrTimeout, context.DeadlineExceeded)},
		{&api.TimeoutError{Sent: true, Cause: context.DeadlineExceeded}, api.CategoryTimeout, "retry sent", is(api.ErrTimeout)},
	},
	"CanceledError": {
		{&api.CanceledError{}, api.CategoryCanceled, "", is(context.Canceled)},
		{&api.CanceledError{Sent: true, Cause: api.ErrTimeout}, api.CategoryCanceled, "sent", is(context.Canceled)},
	},
	"FlushTimeoutError": {{&api.FlushTimeoutError{}, api.CategoryTimeout, "retry sent", is(api.ErrFlushTimeout, api.ErrTimeout, context.DeadlineExceeded)}},
	"DrainTimeoutError": {{&api.DrainTimeoutError{}, api.CategoryTimeout, "sent", is(api.ErrDrainTimeout, api.ErrTimeout)}},
	"CloseTimeoutError": {{&api.CloseTimeoutError{}, api.CategoryTimeout, "sent", is(api.ErrCloseTimeout, api.ErrTimeout)}},
	"ConnectionStateError": {
		{&api.ConnectionStateError{Cause: api.ErrAuthorization}, api.CategoryConnection, "retry",
			is(api.ErrConnectionReconnecting, api.ErrDisconnected, api.ErrAuthorization)},
	},
	"RequestLostError": {{&api.RequestLostError{Cause: api.ErrUnexpectedEOF}, api.CategoryConnection, "retry sent", is(api.ErrDisconnected, api.ErrUnexpectedEOF)}},
	"StaleConnectionError": {
		{&api.StaleConnectionError{}, api.CategoryConnection, "retry sent", is(api.ErrStaleConnection)},
		{&api.StaleConnectionError{ByServer: true, Err: said("Stale Connection")}, api.CategoryConnection, "retry sent", is(api.ErrStaleConnection)},
	},
	"DialError": {
		{&api.DialError{Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, api.CategoryConnection, "retry", is(syscall.ECONNREFUSED)},
		{&api.DialError{Err: &net.DNSError{}}, api.CategoryConnection, "retry", nil},
		{&api.DialError{Err: os.ErrDeadlineExceeded}, api.CategoryTimeout, "retry", nil},
		{&api.DialError{Err: api.ErrUnexpectedEOF}, api.CategoryConnection, "retry", is(io.ErrUnexpectedEOF)},
		{&api.DialError{Err: said("Authorization Violation")}, api.CategoryAuthorization, "", is(api.ErrAuthorization)},
		{&api.DialError{Err: errors.New("a dialer's own")}, api.CategoryUnknown, "", nil},
	},
	"LinkError": {
		{&api.LinkError{Err: &net.OpError{Op: "write", Err: syscall.EPIPE}}, api.CategoryConnection, "retry sent", is(syscall.EPIPE)},
		{&api.LinkError{Err: said("User Authentication Expired")}, api.CategoryAuthorization, "sent", is(api.ErrAuthExpired)},
	},
	"ServerAttempt": nil, // no error, but part of one
	"NoServersError": {
		{&api.NoServersError{}, api.CategoryConnection, "retry", is(api.ErrNoServers)},
		{&api.NoServersError{Attempts: []api.ServerAttempt{{Err: said("Authorization Violation")}}}, api.CategoryAuthorization, "",
			is(api.ErrNoServers, api.ErrAuthorization)},
		{&api.NoServersError{Attempts: []api.ServerAttempt{{Err: said("Authorization Violation")}, {Err: io.EOF}}}, api.CategoryConnection, "retry",
			is(api.ErrNoServers, api.ErrAuthorization, io.EOF)},
	},
	"TLSError": {
		{&api.TLSError{Kind: api.ErrSecureConnWanted, Stage: "offer"}, api.CategoryTLS, "", is(api.ErrSecureConnWanted)},
		{&api.TLSError{Kind: api.ErrSecureConnFailed, Stage: "verify", Err: x509.UnknownAuthorityError{}}, api.CategoryTLS, "", is(api.ErrSecureConnFailed)},
		{&api.TLSError{Kind: api.ErrSecureConnFailed, Stage: "handshake", Err: io.EOF}, api.CategoryTLS, "retry", is(api.ErrSecureConnFailed, io.EOF)},
	},
	"AuthorizationError": {{&api.AuthorizationError{Err: said("User Authentication Revoked")}, api.CategoryAuthorization, "", is(api.ErrAuthRevoked)}},
	"PermissionError":    nil, // cannot be made elsewhere; see TestErrorPermissionViolation
	"ServerError": {
		{said("Permissions Violation for Publish to \"a\""), api.CategoryPermission, "", is(api.ErrPermissionViolation)},
		{said("never heard of"), api.CategoryServer, "sent", is(api.ErrServer)},
	},
	"ProtocolError": {{&api.ProtocolError{Kind: api.ErrUnknownOp}, api.CategoryProtocol, "retry sent", is(api.ErrUnknownOp, api.ErrProtocol)}},
	"JSONParseError": {
		{&api.JSONParseError{What: "INFO", Err: io.ErrUnexpectedEOF}, api.CategoryProtocol, "retry", is(api.ErrJSONParse, api.ErrProtocol)},
		{&api.JSONParseError{What: "CONNECT"}, api.CategoryInput, "", is(api.ErrJSONParse)},
	},
	"WebSocketUpgradeError": {{&api.WebSocketUpgradeError{}, api.CategoryProtocol, "", is(api.ErrWebSocketUpgrade)}},
	"WebSocketCloseError":   {{&api.WebSocketCloseError{}, api.CategoryConnection, "retry sent", is(api.ErrUnexpectedEOF, io.EOF)}},
	"CallbackError": {
		{&api.CallbackError{Err: &api.PanicError{}}, api.CategoryHandler, "", is(api.ErrCallbackFailed, api.ErrHandlerPanic)},
		{&api.CallbackError{Err: &api.TimeoutError{}}, api.CategoryHandler, "retry", is(api.ErrCallbackFailed, api.ErrTimeout)},
		{&api.CallbackError{Err: errors.New("the callback's own")}, api.CategoryHandler, "", is(api.ErrCallbackFailed)},
	},
	"PanicError": {
		{&api.PanicError{}, api.CategoryHandler, "", is(api.ErrHandlerPanic)},
		{&api.PanicError{Internal: true}, api.CategoryInternal, "sent", is(api.ErrActorPanic)},
	},
	"GoexitError":         {{&api.GoexitError{}, api.CategoryHandler, "", is(api.ErrHandlerExit)}},
	"HandlerError":        {{&api.HandlerError{}, api.CategoryHandler, "", is(api.ErrHandlerFailed)}, {&api.HandlerError{Err: api.ErrTimeout}, api.CategoryHandler, "", is(api.ErrHandlerFailed, api.ErrTimeout)}},
	"TooManyBlockedError": {{&api.TooManyBlockedError{Cause: &api.BlockedError{}}, api.CategoryHandler, "", is(api.ErrTooManyBlocked, api.ErrHandlerBlocked)}},
	"BlockedError":        {{&api.BlockedError{}, api.CategoryHandler, "", is(api.ErrHandlerBlocked)}},
	"EscalatedError":      {{&api.EscalatedError{Cause: api.ErrTimeout}, api.CategoryHandler, "", is(api.ErrEscalated, api.ErrTimeout)}},
	"IntensityError":      {{&api.IntensityError{Cause: api.ErrTimeout}, api.CategoryHandler, "", is(api.ErrRestartLimit, api.ErrTimeout)}},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	for name, a := range kindAnswers {
		t.Run(name, func(t *testing.T) { a.check(t) })
	}
	for name, all := range dataAnswers {
		for i, a := range all {
			t.Run(fmt.Sprint(name, " ", i), func(t *testing.T) { a.check(t) })
		}
	}
	for name, pair := range otherNames {
		if pair[0] != pair[1] {
			t.Errorf("%s is another value", name)
		}
	}
}

// TestErrorsOfOthers are answered as far as they can be.
func TestErrorsOfOthers(t *testing.T) {
	for name, a := range map[string]verdict{
		"nothing":              {nil, api.CategoryNone, "", nil},
		"unknown":              {errors.New("a user's"), api.CategoryUnknown, "sent", nil},
		"cancelled":            {context.Canceled, api.CategoryCanceled, "sent", nil},
		"deadline":             {context.DeadlineExceeded, api.CategoryTimeout, "retry sent", nil},
		"deadline of a socket": {os.ErrDeadlineExceeded, api.CategoryTimeout, "retry sent", nil},
		"closed socket":        {net.ErrClosed, api.CategoryClosed, "sent", nil},
		"refused":              {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, api.CategoryConnection, "retry sent", nil},
		"end of a stream":      {io.EOF, api.CategoryConnection, "retry sent", nil},
		"no file":              {&fs.PathError{Op: "open", Err: syscall.ENOENT}, api.CategoryUnknown, "sent", nil},
		"joined":               {errors.Join(api.ErrNoResponders, api.ErrTimeout), api.CategoryUnavailable, "retry", nil},
		"one that answers":     {ownError{}, api.CategoryLimit, "retry", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if a.err != nil {
				a.check(t)
			} else if api.CategoryOf(nil) != api.CategoryNone || api.Retryable(nil) || api.MaybeSent(nil) {
				t.Error("nothing is something")
			}
		})
	}
}

// ownError is an error of the user's that knows the questions.
type ownError struct{}

func (ownError) Error() string          { return "mine" }
func (ownError) Category() api.Category { return api.CategoryLimit }
func (ownError) Retryable() bool        { return true }
func (ownError) MaybeSent() bool        { return false }

func TestCategoriesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for c := api.CategoryNone; c <= api.CategoryInternal; c++ {
		if name := c.String(); seen[name] || name != strings.ToLower(name) {
			t.Errorf("category %d is called %q", c, name)
		}
		seen[c.String()] = true
	}
	if api.Category(200).String() != "unknown" {
		t.Error("a number that is no category has a name")
	}
}

// TestEveryErrorIsListed finds errors that nobody gave answers to, and those of the
// packages below that have no name here.
func TestEveryErrorIsListed(t *testing.T) {
	ours, data := errortest.Declared(t, ".")
	listed := slices.Concat(slices.Collect(maps.Keys(kindAnswers)), slices.Collect(maps.Keys(otherNames)))
	errortest.Compare(t, "kinds", ours, listed)
	errortest.Compare(t, "errors with data", append(data, "ServerAttempt"), slices.Collect(maps.Keys(dataAnswers)))
	for _, below := range []string{"../protocol", "../supervisor", "../actors"} {
		kinds, data := errortest.Declared(t, below)
		for _, name := range append(kinds, data...) {
			if _, ok := dataAnswers[name]; !ok && !slices.Contains(listed, name) && name != "Error" {
				t.Errorf("%s has %s, which users cannot name", below, name)
			}
		}
	}
}
