using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Tests.Agents;

public class OptionsTests
{
    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("../etc/passwd")]
    [InlineData("umlaut-ä")]
    public async Task A_bad_name_is_refused(string name)
    {
        var error = await Assert.ThrowsAsync<NixlInvalidArgumentException>(
            async () => await NixlAgent.CreateAsync(new NixlAgentOptions { Name = name, Transport = new FakeTransport() }));
        Assert.Contains("Name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_problem_is_listed()
    {
        var options = new NixlAgentOptions
        {
            Name = new string('x', 129),
            Transports = NixlTransports.None,
            ListenPort = 70000,
            ListenHost = "0.0.0.0",
            MaxTransfers = -1,
            DefaultTimeout = TimeSpan.FromSeconds(-1),
        };
        var problems = options.Validate();
        Assert.Equal(6, problems.Count);
        foreach (var word in (string[])["Name", "Transports", "ListenPort", "AdvertiseHost", "MaxTransfers", "DefaultTimeout"])
            Assert.Contains(problems, p => p.Contains(word, StringComparison.Ordinal));
        Assert.Empty(new NixlAgentOptions { Name = "a.B_c-1" }.Validate());
    }

    [Fact]
    public async Task Options_are_copied()
    {
        var options = new NixlAgentOptions { Name = "before", Transport = new FakeTransport() };
        await using var agent = await NixlAgent.CreateAsync(options);
        options.Name = "after";
        Assert.Equal("before", agent.Name);
        Assert.NotEqual(0ul, agent.Incarnation);
    }

    [Fact]
    public async Task Metadata_expires_by_the_agents_clock_and_a_key_is_demanded()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.UtcNow);
        var fake = new FakeTransport();
        NixlAgentOptions Options(string name) => new()
        {
            Name = name, Transport = fake, TimeProvider = clock,
            Metadata = new() { Key = "a pre-shared key of the fleet"u8.ToArray(), Lifetime = TimeSpan.FromMinutes(1), ClockSkew = TimeSpan.FromSeconds(1) },
        };
        await using var a = await NixlAgent.CreateAsync(Options("a"));
        await using var b = await NixlAgent.CreateAsync(Options("b"));
        await using var stranger = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "s", Transport = fake, TimeProvider = clock });
        var metadata = b.ExportMetadata();
        var peer = await a.ConnectAsync(metadata);
        Assert.True(peer.Metadata.IsAuthenticated);
        await Assert.ThrowsAsync<MetadataException>(async () => await a.ConnectAsync(stranger.ExportMetadata()));
        clock.Advance(TimeSpan.FromMinutes(2));
        var error = await Assert.ThrowsAsync<MetadataException>(async () => await a.ConnectAsync(metadata));
        Assert.Contains("expire", error.Message, StringComparison.Ordinal);
    }
}
