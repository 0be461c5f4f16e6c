using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Tests.Metadata;

public sealed class DirectExchangeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_one_side_publishes_the_other_fetches(bool withKey)
    {
        var key = withKey ? Samples.Key : [];
        await using var server = new DirectMetadataExchange(new() { Key = key });
        await using var client = new DirectMetadataExchange(new() { Key = key, Listen = null });
        var metadata = Samples.RandomBytes(1, 300_000);
        await server.PublishAsync("decode-0", () => metadata);
        await server.PublishAsync("decode-1", () => [1, 2, 3]);
        client.AddPeer("decode-0", "127.0.0.1", server.Endpoint!.Port);

        Assert.Equal(metadata, await client.FetchAsync("decode-0", Patience));
        Assert.Equal([1, 2, 3], await client.FetchAsync("decode-1", "127.0.0.1", server.Endpoint.Port, Patience));
    }

    [Fact]
    public async Task Each_fetch_gets_what_is_current()
    {
        await using var exchange = new DirectMetadataExchange();
        var calls = 0;
        await exchange.PublishAsync("a", () => [(byte)++calls]);
        Assert.Equal([1], await exchange.FetchAsync("a", "127.0.0.1", exchange.Endpoint!.Port, Patience));
        Assert.Equal([2], await exchange.FetchAsync("a", "127.0.0.1", exchange.Endpoint.Port, Patience));
    }

    [Fact]
    public async Task It_listens_on_loopback_unless_told_otherwise()
    {
        await using var exchange = new DirectMetadataExchange();
        Assert.Equal(IPAddress.Loopback, exchange.Endpoint!.Address);
        var error = Assert.Throws<ArgumentException>(() => new DirectMetadataExchange(new() { Listen = new IPEndPoint(IPAddress.Any, 0) }));
        Assert.Contains("Set Key", error.Message, StringComparison.Ordinal);
        await using var withKey = new DirectMetadataExchange(new() { Listen = new IPEndPoint(IPAddress.Any, 0), Key = Samples.Key });
        Assert.NotEqual(0, withKey.Endpoint!.Port);
    }

    [Fact]
    public async Task A_peer_that_publishes_later_is_waited_for()
    {
        await using var server = new DirectMetadataExchange();
        await using var client = new DirectMetadataExchange(new() { Listen = null });
        var fetch = client.FetchAsync("late", "127.0.0.1", server.Endpoint!.Port, Patience).AsTask();
        await Task.Delay(200);
        Assert.False(fetch.IsCompleted);
        await server.PublishAsync("late", () => [7]);
        Assert.Equal([7], await fetch);
    }

    [Fact]
    public async Task A_peer_that_starts_later_is_waited_for()
    {
        int port;
        await using (var probe = new DirectMetadataExchange()) port = probe.Endpoint!.Port;
        await using var client = new DirectMetadataExchange(new() { Listen = null });
        var fetch = client.FetchAsync("late", "127.0.0.1", port, Patience).AsTask();
        await Task.Delay(200);
        Assert.False(fetch.IsCompleted);
        await using var server = new DirectMetadataExchange(new() { Listen = new IPEndPoint(IPAddress.Loopback, port) });
        await server.PublishAsync("late", () => [7]);
        Assert.Equal([7], await fetch);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Keys_that_differ_are_refused_at_once_and_nothing_is_given(bool serverKey, bool clientKey)
    {
        await using var server = new DirectMetadataExchange(new() { Key = serverKey ? Samples.Key : [] });
        await using var client = new DirectMetadataExchange(new() { Key = clientKey ? Samples.OtherKey : [], Listen = null });
        var given = 0;
        await server.PublishAsync("a", () => [(byte)++given]);
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await client.FetchAsync("a", "127.0.0.1", server.Endpoint!.Port, Patience));
        Assert.Equal(NixlStatus.Permission, error.Status);
        Assert.Equal("a", error.Peer);
        Assert.Contains("same key on both sides", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, given);
    }

    [Fact]
    public async Task Many_clients_at_once_all_get_theirs()
    {
        await using var server = new DirectMetadataExchange(new() { Key = Samples.Key, MaxConnections = 8 });
        var agents = Enumerable.Range(0, 8).Select(i => $"agent-{i}").ToArray();
        foreach (var (agent, i) in agents.Select((agent, i) => (agent, i)))
            await server.PublishAsync(agent, () => Samples.RandomBytes(i, 20_000));
        await using var client = new DirectMetadataExchange(new() { Key = Samples.Key, Listen = null });
        var fetches = Enumerable.Range(0, 100)
            .Select(i => client.FetchAsync(agents[i % 8], "127.0.0.1", server.Endpoint!.Port, Patience).AsTask()).ToArray();
        var results = await Task.WhenAll(fetches);
        for (var i = 0; i < results.Length; i++) Assert.Equal(Samples.RandomBytes(i % 8, 20_000), results[i]);
    }

    [Fact]
    public async Task An_agent_that_cannot_export_fails_that_fetch_only()
    {
        await using var exchange = new DirectMetadataExchange();
        await exchange.PublishAsync("bad", () => throw new InvalidOperationException("closing"));
        await exchange.PublishAsync("good", () => [1]);
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await exchange.FetchAsync("bad", "127.0.0.1", exchange.Endpoint!.Port, Patience));
        Assert.Equal(NixlStatus.Closed, error.Status);
        Assert.Equal([1], await exchange.FetchAsync("good", "127.0.0.1", exchange.Endpoint!.Port, Patience));
    }

    [Fact]
    public async Task Withdrawn_metadata_is_not_given_and_the_timeout_says_why()
    {
        await using var exchange = new DirectMetadataExchange();
        await exchange.PublishAsync("a", () => [1]);
        await exchange.WithdrawAsync("a");
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await exchange.FetchAsync("a", "127.0.0.1", exchange.Endpoint!.Port, TimeSpan.FromMilliseconds(300)));
        Assert.Equal(NixlStatus.Timeout, error.Status);
        Assert.Contains("does not publish", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_peer_is_refused_with_what_to_do()
    {
        await using var exchange = new DirectMetadataExchange();
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () => await exchange.FetchAsync("nobody", Patience));
        Assert.Equal(NixlStatus.NotFound, error.Status);
        Assert.Contains("AddPeer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_with_client_certificates_carries_it()
    {
        using var certificate = SelfSigned();
        bool IsOurs(X509Certificate? presented) => presented is not null && presented.GetCertHashString() == certificate.GetCertHashString();
        await using var server = new DirectMetadataExchange(new()
        {
            ServerTls = new SslServerAuthenticationOptions
            {
                ServerCertificate = certificate, ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, presented, _, _) => IsOurs(presented),
            },
        });
        await server.PublishAsync("a", () => [5, 6]);
        await using var client = new DirectMetadataExchange(new()
        {
            Listen = null,
            ClientTls = new SslClientAuthenticationOptions
            {
                TargetHost = "nixl-test", ClientCertificates = [certificate],
                RemoteCertificateValidationCallback = (_, presented, _, _) => IsOurs(presented),
            },
        });
        Assert.Equal([5, 6], await client.FetchAsync("a", "127.0.0.1", server.Endpoint!.Port, Patience));

        await using var stranger = new DirectMetadataExchange(new()
        {
            Listen = null,
            ClientTls = new SslClientAuthenticationOptions { TargetHost = "nixl-test", RemoteCertificateValidationCallback = (_, presented, _, _) => IsOurs(presented) },
        });
        var refused = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await stranger.FetchAsync("a", "127.0.0.1", server.Endpoint.Port, TimeSpan.FromSeconds(2)));
        Assert.Equal(NixlStatus.Timeout, refused.Status);

        await using var distrustful = new DirectMetadataExchange(new()
        {
            Listen = null,
            ClientTls = new SslClientAuthenticationOptions { TargetHost = "nixl-test", RemoteCertificateValidationCallback = (_, _, _, _) => false },
        });
        refused = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await distrustful.FetchAsync("a", "127.0.0.1", server.Endpoint.Port, Patience));
        Assert.Equal(NixlStatus.Permission, refused.Status);
    }

    [Fact]
    public async Task Connecting_by_name_refuses_somebody_elses_metadata_and_keeps_its_deadline()
    {
        var fake = new Testing.FakeTransport();
        await using var a = await NixlAgent.CreateAsync(new() { Name = "a", Transport = fake });
        await using var b = await NixlAgent.CreateAsync(new() { Name = "b", Transport = fake });
        await using var exchange = new InMemoryMetadataExchange();
        await exchange.PublishAsync("b", b.ExportMetadata);
        await exchange.PublishAsync("c", b.ExportMetadata);
        Assert.Equal("b", (await a.ConnectAsync(exchange, "b", Patience)).Name);
        var error = await Assert.ThrowsAsync<MetadataException>(async () => await a.ConnectAsync(exchange, "c", Patience));
        Assert.Equal("agent", error.Field);
        var late = await Assert.ThrowsAsync<MetadataExchangeException>(async () => await a.ConnectAsync(exchange, "d", TimeSpan.FromMilliseconds(50)));
        Assert.Equal(NixlStatus.Timeout, late.Status);
    }

    [Fact]
    public async Task In_memory_gives_what_was_published_and_waits_for_it()
    {
        await using var exchange = new InMemoryMetadataExchange();
        var early = exchange.FetchAsync("a", Patience).AsTask();
        Assert.False(early.IsCompleted);
        await exchange.PublishAsync("b", () => [2]);
        await exchange.PublishAsync("a", () => [1]);
        Assert.Equal([1], await early);
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () => await exchange.FetchAsync("c", TimeSpan.FromMilliseconds(50)));
        Assert.Equal(NixlStatus.Timeout, error.Status);
        using var cancel = new CancellationTokenSource();
        var cancelled = exchange.FetchAsync("c", Patience, cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=nixl-test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
