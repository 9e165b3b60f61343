package api_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/api"
)

// TestErrorsHaveTheNamesOfNatsGo: a program that compares with errors.Is compiles and
// matches when it is ported.
func TestErrorsHaveTheNamesOfNatsGo(t *testing.T) {
	for _, pair := range []struct {
		name         string
		theirs, ours error
	}{
		{"ErrConnectionClosed", nats.ErrConnectionClosed, api.ErrConnectionClosed},
		{"ErrConnectionDraining", nats.ErrConnectionDraining, api.ErrConnectionDraining},
		{"ErrDrainTimeout", nats.ErrDrainTimeout, api.ErrDrainTimeout},
		{"ErrConnectionReconnecting", nats.ErrConnectionReconnecting, api.ErrConnectionReconnecting},
		{"ErrSecureConnRequired", nats.ErrSecureConnRequired, api.ErrSecureConnRequired},
		{"ErrSecureConnWanted", nats.ErrSecureConnWanted, api.ErrSecureConnWanted},
		{"ErrBadSubscription", nats.ErrBadSubscription, api.ErrBadSubscription},
		{"ErrTypeSubscription", nats.ErrTypeSubscription, api.ErrTypeSubscription},
		{"ErrBadSubject", nats.ErrBadSubject, api.ErrBadSubject},
		{"ErrBadQueueName", nats.ErrBadQueueName, api.ErrBadQueueName},
		{"ErrSlowConsumer", nats.ErrSlowConsumer, api.ErrSlowConsumer},
		{"ErrTimeout", nats.ErrTimeout, api.ErrTimeout},
		{"ErrBadTimeout", nats.ErrBadTimeout, api.ErrBadTimeout},
		{"ErrAuthorization", nats.ErrAuthorization, api.ErrAuthorization},
		{"ErrAuthExpired", nats.ErrAuthExpired, api.ErrAuthExpired},
		{"ErrAuthRevoked", nats.ErrAuthRevoked, api.ErrAuthRevoked},
		{"ErrPermissionViolation", nats.ErrPermissionViolation, api.ErrPermissionViolation},
		{"ErrAccountAuthExpired", nats.ErrAccountAuthExpired, api.ErrAccountAuthExpired},
		{"ErrNoServers", nats.ErrNoServers, api.ErrNoServers},
		{"ErrJsonParse", nats.ErrJsonParse, api.ErrJsonParse},
		{"ErrChanArg", nats.ErrChanArg, api.ErrChanArg},
		{"ErrMaxPayload", nats.ErrMaxPayload, api.ErrMaxPayload},
		{"ErrMaxMessages", nats.ErrMaxMessages, api.ErrMaxMessages},
		{"ErrSyncSubRequired", nats.ErrSyncSubRequired, api.ErrSyncSubRequired},
		{"ErrMultipleTLSConfigs", nats.ErrMultipleTLSConfigs, api.ErrMultipleTLSConfigs},
		{"ErrClientCertOrRootCAsRequired", nats.ErrClientCertOrRootCAsRequired, api.ErrClientCertOrRootCAsRequired},
		{"ErrNoInfoReceived", nats.ErrNoInfoReceived, api.ErrNoInfoReceived},
		{"ErrReconnectBufExceeded", nats.ErrReconnectBufExceeded, api.ErrReconnectBufExceeded},
		{"ErrInvalidConnection", nats.ErrInvalidConnection, api.ErrInvalidConnection},
		{"ErrInvalidMsg", nats.ErrInvalidMsg, api.ErrInvalidMsg},
		{"ErrInvalidArg", nats.ErrInvalidArg, api.ErrInvalidArg},
		{"ErrInvalidContext", nats.ErrInvalidContext, api.ErrInvalidContext},
		{"ErrNoDeadlineContext", nats.ErrNoDeadlineContext, api.ErrNoDeadlineContext},
		{"ErrNoEchoNotSupported", nats.ErrNoEchoNotSupported, api.ErrNoEchoNotSupported},
		{"ErrClientIDNotSupported", nats.ErrClientIDNotSupported, api.ErrClientIDNotSupported},
		{"ErrUserButNoSigCB", nats.ErrUserButNoSigCB, api.ErrUserButNoSigCB},
		{"ErrNkeyButNoSigCB", nats.ErrNkeyButNoSigCB, api.ErrNkeyButNoSigCB},
		{"ErrNoUserCB", nats.ErrNoUserCB, api.ErrNoUserCB},
		{"ErrNkeyAndUser", nats.ErrNkeyAndUser, api.ErrNkeyAndUser},
		{"ErrNkeysNotSupported", nats.ErrNkeysNotSupported, api.ErrNkeysNotSupported},
		{"ErrStaleConnection", nats.ErrStaleConnection, api.ErrStaleConnection},
		{"ErrTokenAlreadySet", nats.ErrTokenAlreadySet, api.ErrTokenAlreadySet},
		{"ErrUserInfoAlreadySet", nats.ErrUserInfoAlreadySet, api.ErrUserInfoAlreadySet},
		{"ErrMsgNotBound", nats.ErrMsgNotBound, api.ErrMsgNotBound},
		{"ErrMsgNoReply", nats.ErrMsgNoReply, api.ErrMsgNoReply},
		{"ErrClientIPNotSupported", nats.ErrClientIPNotSupported, api.ErrClientIPNotSupported},
		{"ErrDisconnected", nats.ErrDisconnected, api.ErrDisconnected},
		{"ErrHeadersNotSupported", nats.ErrHeadersNotSupported, api.ErrHeadersNotSupported},
		{"ErrBadHeaderMsg", nats.ErrBadHeaderMsg, api.ErrBadHeaderMsg},
		{"ErrNoResponders", nats.ErrNoResponders, api.ErrNoResponders},
		{"ErrMaxConnectionsExceeded", nats.ErrMaxConnectionsExceeded, api.ErrMaxConnectionsExceeded},
		{"ErrMaxAccountConnectionsExceeded", nats.ErrMaxAccountConnectionsExceeded, api.ErrMaxAccountConnectionsExceeded},
		{"ErrConnectionNotTLS", nats.ErrConnectionNotTLS, api.ErrConnectionNotTLS},
		{"ErrTLS", nats.ErrTLS, api.ErrTLS},
		{"ErrMaxSubscriptionsExceeded", nats.ErrMaxSubscriptionsExceeded, api.ErrMaxSubscriptionsExceeded},
		{"ErrWebSocketHeadersAlreadySet", nats.ErrWebSocketHeadersAlreadySet, api.ErrWebSocketHeadersAlreadySet},
		{"ErrServerNotInPool", nats.ErrServerNotInPool, api.ErrServerNotInPool},
		{"ErrMixingWebsocketSchemes", nats.ErrMixingWebsocketSchemes, api.ErrMixingWebsocketSchemes},
	} {
		if pair.theirs == nil || pair.ours == nil {
			t.Errorf("%s is nothing", pair.name)
			continue
		}
		if text := pair.ours.Error(); !strings.HasPrefix(text, "troupe: ") {
			t.Errorf("%s says %q", pair.name, text)
		}
	}
}
