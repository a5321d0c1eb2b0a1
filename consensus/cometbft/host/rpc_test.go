package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cfg "github.com/cometbft/cometbft/config"
	coregrpc "github.com/cometbft/cometbft/rpc/grpc"
)

// broadcast sends a transaction over connections that this makes.
func broadcast(t *testing.T, scheme, tx string, transport *http.Transport) {
	t.Helper()
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: time.Minute}
	response, err := client.Post(scheme+"://127.0.0.1/", "", strings.NewReader(ask("1", inSync, tx)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || !strings.HasPrefix(string(text), `{"jsonrpc":"2.0","id":1,"result":{"code":0,`) {
		t.Errorf("%s, error %v", text, err)
	}
}

func to(network, address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

func TestAllAddressesAreServed(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "rpc.sock")
	s := newServed(t, talkative{}, func(config *cfg.Config) {
		config.RPC.ListenAddress = " tcp://127.0.0.1:0, unix://" + socket + ",,"
		config.RPC.GRPCListenAddress = "tcp://127.0.0.1:0"
	})
	first := s.ours(t)
	if len(s.rpc.listeners) != 3 {
		t.Fatalf("%d listeners", len(s.rpc.listeners))
	}
	broadcast(t, "http", "ok tcp", &http.Transport{DialContext: to("tcp", first)})
	broadcast(t, "http", "ok unix", &http.Transport{DialContext: to("unix", socket)})
	//nolint:staticcheck // Deprecated, and part of CometBFT 0.38.
	client := coregrpc.StartGRPCClient("tcp://" + s.rpc.listeners[2].Addr().String())
	if _, err := client.Ping(context.Background(), &coregrpc.RequestPing{}); err != nil {
		t.Error(err)
	}
	if s.mempool.Size() != 2 {
		t.Errorf("%d transactions", s.mempool.Size())
	}
	s.rpc.stop()
	if connection, err := net.Dial("tcp", first); err == nil {
		connection.Close()
		t.Error("a connection is taken after the end")
	}
}

func TestNothingIsServedWithoutAnAddress(t *testing.T) {
	s := newServed(t, talkative{}, func(config *cfg.Config) {
		config.RPC.ListenAddress, config.RPC.GRPCListenAddress = "", "tcp://127.0.0.1:0"
	})
	if err := s.rpc.start(); err != nil || len(s.rpc.listeners) != 0 {
		t.Errorf("%d listeners, error %v", len(s.rpc.listeners), err)
	}
	// Where one address cannot be had, none is served.
	s = newServed(t, talkative{}, func(config *cfg.Config) { config.RPC.ListenAddress = "tcp://127.0.0.1:0,nowhere" })
	err := s.rpc.start()
	if err == nil || !strings.Contains(err.Error(), "nowhere") || len(s.rpc.listeners) != 1 {
		t.Fatalf("%d listeners, error %v", len(s.rpc.listeners), err)
	}
	if connection, err := net.Dial("tcp", s.rpc.listeners[0].Addr().String()); err == nil {
		connection.Close()
		t.Error("the other address is served")
	}
}

func TestItSpeaksTLS(t *testing.T) {
	folder := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pair := map[string][]byte{
		"c.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		"k.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
	for name, text := range pair {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newServed(t, talkative{}, func(config *cfg.Config) {
		config.RPC.TLSCertFile, config.RPC.TLSKeyFile = filepath.Join(folder, "c.pem"), filepath.Join(folder, "k.pem")
	})
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pair["c.pem"])
	broadcast(t, "https", "ok tls", &http.Transport{
		DialContext: to("tcp", s.ours(t)), TLSClientConfig: &tls.Config{RootCAs: trusted},
	})
}
