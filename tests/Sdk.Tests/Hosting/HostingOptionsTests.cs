using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Nixl.Sdk.Hosting;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Tests.Metadata;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Hosting;

public sealed class HostingOptionsTests
{
    [Fact]
    public async Task Configuration_is_bound_and_a_delegate_has_the_last_word()
    {
        var configuration = new Dictionary<string, string?>
        {
            ["Nixl:a:Name"] = "engine-7",
            ["Nixl:a:Transports"] = "Local, Fabric",
            ["Nixl:a:ListenHost"] = "127.0.0.1",
            ["Nixl:a:ListenPort"] = "7001",
            ["Nixl:a:MaxTransfers"] = "11",
            ["Nixl:a:DefaultTimeout"] = "00:00:07",
            ["Nixl:a:WindowBytes"] = "123456789012",
            ["Nixl:a:Metadata:Lifetime"] = "00:10:00",
            ["Nixl:a:Metadata:Key"] = Convert.ToBase64String(Samples.Key),
            ["Nixl:a:Parallel:Tp"] = "2",
            ["Nixl:a:Parallel:TpRank"] = "1",
            ["Nixl:a:Model:Name"] = "m",
            ["Nixl:a:Model:Revision"] = "r",
            ["Nixl:a:Model:RopeScaling"] = "yarn-4",
            ["Nixl:b:MaxTransfers"] = "99",
        };
        using var host = HostSupport.Build(configuration, services => services.AddNixl("a", options => options.MaxTransfers++)
            .AddKvPool<SplitKv>(4).UseFakeTransport(new FakeTransport()));
        await host.StartAsync().SoonAsync();

        var options = host.Services.GetRequiredService<IOptionsMonitor<NixlOptions>>().Get("a");
        Assert.Equal(NixlTransports.Local | NixlTransports.Fabric, options.Transports);
        Assert.Equal((7001, 12, TimeSpan.FromSeconds(7), 123456789012), (options.ListenPort, options.MaxTransfers, options.DefaultTimeout, options.WindowBytes));
        var agent = host.Services.GetRequiredKeyedService<NixlAgent>("a");
        Assert.Equal("engine-7", agent.Name);
        var pool = host.Services.GetRequiredKeyedService<KvPool<SplitKv>>("a");
        Assert.Equal(new KvParallel(2, 1), pool.Parallel);
        Assert.Equal(new ModelIdentity("m", "r", "yarn-4"), pool.Model);
        var metadata = MetadataCodec.Decode(agent.ExportMetadata(), new MetadataOptions { Key = Samples.Key });
        Assert.Equal(TimeSpan.FromMinutes(10), metadata.ExpiresAt - metadata.IssuedAt);
    }

    [Fact]
    public async Task A_key_can_come_from_a_file()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, Samples.Key);
            using var host = HostSupport.Build(new() { ["Nixl:a:Metadata:KeyFile"] = file }, services => services.AddNixl("a").UseFakeTransport(new FakeTransport()));
            await host.StartAsync().SoonAsync();
            var metadata = host.Services.GetRequiredKeyedService<NixlAgent>("a").ExportMetadata();
            Assert.True(MetadataCodec.Decode(metadata, new MetadataOptions { Key = Samples.Key }).IsAuthenticated);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("Name", "a/b", "Name must match")]
    [InlineData("ListenPort", "70000", "ListenPort")]
    [InlineData("MaxTransfers", "-1", "MaxTransfers")]
    [InlineData("WindowBytes", "-1", "WindowBytes")]
    [InlineData("DefaultTimeout", "-00:00:01", "DefaultTimeout")]
    [InlineData("Transports", "None", "Transports")]
    [InlineData("ListenHost", "0.0.0.0", "AdvertiseHost")]
    [InlineData("Metadata:Key", "not base64!", "not base64")]
    [InlineData("Metadata:Key", "AAAA", "at least 16")]
    [InlineData("Metadata:KeyFile", "/does/not/exist", "cannot be read")]
    [InlineData("Metadata:Lifetime", "00:00:00", "Lifetime")]
    [InlineData("Metadata:MaxBytes", "5", "MaxBytes")]
    [InlineData("Metadata:Audience", "a b", "Audience")]
    [InlineData("Model:Name", "only a name", "Revision")]
    [InlineData("Parallel:TpRank", "1", "smaller than Parallel.Tp")]
    [InlineData("Parallel:Pp", "0", "Pp")]
    public async Task A_wrong_value_is_refused_at_start_by_name(string key, string value, string message)
    {
        var fake = new FakeTransport();
        using var host = HostSupport.Build(new() { ["Nixl:a:" + key] = value }, services => services.AddNixl("a").UseFakeTransport(fake));
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync().SoonAsync());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("AAAA", error.Message, StringComparison.Ordinal); // never the key
        Assert.Empty(fake.Agents);
    }

    [Fact]
    public async Task All_wrong_values_are_named_at_once()
    {
        using var host = HostSupport.Build(
            new() { ["Nixl:a:ListenPort"] = "70000", ["Nixl:a:MaxTransfers"] = "-3", ["Nixl:a:Parallel:TpRank"] = "4" },
            services => services.AddNixl("a").UseFakeTransport(new FakeTransport()));
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync().SoonAsync());
        Assert.Contains("ListenPort", error.Message, StringComparison.Ordinal);
        Assert.Contains("MaxTransfers", error.Message, StringComparison.Ordinal);
        Assert.Contains("TpRank", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_misspelt_key_is_refused()
    {
        using var host = HostSupport.Build(new() { ["Nixl:a:LisetnPort"] = "7" }, services => services.AddNixl("a").UseFakeTransport(new FakeTransport()));
        var error = await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync().SoonAsync());
        Assert.Contains("LisetnPort", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pool_without_a_model_is_refused_with_what_to_do()
    {
        using var host = HostSupport.Build([], services => services.AddNixl("a").AddKvPool<SplitKv>(4).UseFakeTransport(new FakeTransport()));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync().SoonAsync());
        Assert.Contains("Nixl:a:Model:Name", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Listen", "nonsense", "Listen")]
    [InlineData("Listen", "0.0.0.0:0", "Set Key")]
    [InlineData("Peers:b", "nowhere", "Peers:b")]
    [InlineData("MaxConnections", "0", "MaxConnections")]
    public async Task A_wrong_exchange_is_refused_at_start(string key, string value, string message)
    {
        using var host = HostSupport.Build(new() { ["NixlExchange:" + key] = value }, services =>
        {
            services.AddNixlExchange();
            services.AddNixl("a").UseFakeTransport(new FakeTransport());
        });
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync().SoonAsync());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a:b")]
    [InlineData("a/b")]
    public void A_name_that_is_not_one_is_refused_when_it_is_added(string name) =>
        Assert.Throws<ArgumentException>(() => new ServiceCollection().AddNixl(name));

    [Fact]
    public void Every_option_of_an_agent_can_be_configured()
    {
        // What cannot come from configuration comes from the container; anything new must be one or the other.
        string[] fromContainer = [nameof(NixlAgentOptions.TimeProvider), nameof(NixlAgentOptions.LoggerFactory), nameof(NixlAgentOptions.Transport)];
        var missing = typeof(NixlAgentOptions).GetProperties().Select(property => property.Name)
            .Except(typeof(NixlOptions).GetProperties().Select(property => property.Name)).Except(fromContainer);
        Assert.Empty(missing);
    }
    [Fact]
    public void What_is_not_configured_is_what_an_agent_has_by_itself()
    {
        var mapped = NixlOptionsMapping.ToAgentOptions(new NixlOptions { Name = "a" }, default);
        var own = new NixlAgentOptions { Name = "a" };
        foreach (var property in typeof(NixlAgentOptions).GetProperties().Where(property => property.Name != nameof(NixlAgentOptions.Metadata)))
            Assert.Equal(property.GetValue(own), property.GetValue(mapped));
        foreach (var property in typeof(MetadataOptions).GetProperties())
            Assert.Equal(property.GetValue(own.Metadata), property.GetValue(mapped.Metadata));
    }
}
