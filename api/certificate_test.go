package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/must"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // its own certificate
}

// sign makes a certificate for key from a template.
func (a *authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
	t := a.t
	t.Helper()
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	template.SerialNumber = must.Get(rand.Int(rand.Reader, big.NewInt(1<<62)))(t)
	der := must.Get(x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key))(t)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must.Get(x509.ParseCertificate(der))(t)}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	return must.Get(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true}
	a := &authority{t: t, key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	a.cert = a.sign(template, template, a.key).Leaf
	a.writeTo(a.file)
	return a
}

// writeTo writes the authority's own certificate.
func (a *authority) writeTo(file string) { writePEM(a.t, file, "CERTIFICATE", a.cert.Raw) }

// pool holds the authority alone.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue makes a certificate for 127.0.0.1, changed as wanted.
func (a *authority) issue(changes ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, change := range changes {
		change(template)
	}
	return a.sign(template, a.cert, newKey(a.t))
}

// keyPair issues a certificate into two files.
func (a *authority) keyPair(certFile, keyFile string) {
	a.t.Helper()
	pair := a.issue()
	writePEM(a.t, certFile, "CERTIFICATE", pair.Certificate[0])
	writePEM(a.t, keyFile, "PRIVATE KEY", must.Get(x509.MarshalPKCS8PrivateKey(pair.PrivateKey))(a.t))
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	must.Do(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// selfSigned makes a certificate for 127.0.0.1, and a file with its authority.
func selfSigned(t *testing.T) (certificate tls.Certificate, caFile string) {
	t.Helper()
	a := newAuthority(t)
	return a.issue(), a.file
}
