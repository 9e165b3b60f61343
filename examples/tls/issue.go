package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/faults/natsserver"
)

// files are the files of a client. In practice the tools openssl and nsc create them.
type files struct{ authority, certificate, key, credentials string }

// issue creates the files of a client in dir, and returns the options of a matching
// server.
func issue(dir string) (files, natsserver.Options, error) {
	f := files{
		authority:   filepath.Join(dir, "ca.pem"),
		certificate: filepath.Join(dir, "client.pem"),
		key:         filepath.Join(dir, "client-key.pem"),
		credentials: filepath.Join(dir, "user.creds"),
	}
	options := natsserver.Options{Name: "tls"}
	var err error
	if options.TLS, err = issueCertificates(f); err != nil {
		return f, options, err
	}
	options.Edit, err = issueCredentials(f.credentials)
	return f, options, err
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issueCertificates writes the authority and the client's certificate, and returns the
// server's side: it requires a certificate of the same authority.
func issueCertificates(f files) (*tls.Config, error) {
	var a authority
	root, err := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "our authority"}, IsCA: true, BasicConstraintsValid: true})
	if err != nil {
		return nil, err
	}
	a = authority{root.Leaf, root.PrivateKey.(*ecdsa.PrivateKey)}
	ours, err := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "our server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return nil, err
	}
	client, err := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "our client"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{Certificates: []tls.Certificate{ours}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}, errors.Join(
		writePEM(f.authority, "CERTIFICATE", a.certificate.Raw),
		writePEM(f.certificate, "CERTIFICATE", client.Certificate[0]),
		writePEM(f.key, "PRIVATE KEY", key))
}

// sign creates a key and a certificate for it, valid for an hour. An authority without a
// certificate creates a self-signed one.
func (a *authority) sign(template *x509.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return tls.Certificate{}, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// issueCredentials writes the credentials of a user of an account of an operator,
// and returns what makes a server trust that operator.
func issueCredentials(file string) (func(*server.Options), error) {
	operator, operatorID, err := identity(nkeys.CreateOperator)
	if err != nil {
		return nil, err
	}
	account, accountID, err := identity(nkeys.CreateAccount)
	if err != nil {
		return nil, err
	}
	user, userID, err := identity(nkeys.CreateUser)
	if err != nil {
		return nil, err
	}
	accountToken, err := jwt.NewAccountClaims(accountID).Encode(operator)
	if err != nil {
		return nil, err
	}
	userToken, err := jwt.NewUserClaims(userID).Encode(account)
	if err != nil {
		return nil, err
	}
	seed, err := user.Seed()
	if err != nil {
		return nil, err
	}
	credentials, err := jwt.FormatUserConfig(userToken, seed)
	if err != nil {
		return nil, err
	}
	accounts := new(server.MemAccResolver)
	trust := func(o *server.Options) {
		o.TrustedOperators = []*jwt.OperatorClaims{jwt.NewOperatorClaims(operatorID)}
		o.AccountResolver = accounts
	}
	return trust, errors.Join(accounts.Store(accountID, accountToken), os.WriteFile(file, credentials, 0o600))
}

// identity creates a key and returns its public half as well.
func identity(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string, error) {
	key, err := create()
	if err != nil {
		return nil, "", err
	}
	public, err := key.PublicKey()
	return key, public, err
}
