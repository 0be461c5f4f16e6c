using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Aot;

/// <summary>An agent by dependency injection: binding and validation of its options must need no reflection.</summary>
internal static class HostedAgent
{
    public static async Task CheckAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Nixl:hosted:Transports"] = "Loopback",
            ["Nixl:hosted:Model:Name"] = "tiny",
            ["Nixl:hosted:Model:Revision"] = "r1",
        });
        builder.Services.AddSingleton<IMetadataExchange, InMemoryMetadataExchange>();
        builder.Services.AddNixl("hosted").AddKvPool<Split>(blocks: 4)
            .AddKvTransfer<Split>("""{"kv_connector":"NixlConnector","kv_role":"kv_both","kv_connector_extra_config":{"backends":["LOOPBACK"],"kv_lease_duration":60}}""");
        using var host = builder.Build();
        await host.StartAsync();
        var pool = host.Services.GetRequiredKeyedService<KvPool<Split>>("hosted");
        if (pool.Blocks != 4 || pool.Agent.Name != "hosted")
            throw new InvalidDataException($"the hosted pool has {pool.Blocks} blocks of agent {pool.Agent.Name}");
        var consumer = host.Services.GetRequiredKeyedService<KvConsumer<Split>>("hosted");
        if (consumer.Pool != pool || host.Services.GetRequiredKeyedService<KvBlockPools<Split>>("hosted")[0].HeartbeatInterval != TimeSpan.FromSeconds(10))
            throw new InvalidDataException("the hosted consumer is not what was configured");
        await host.StopAsync();
    }
}
