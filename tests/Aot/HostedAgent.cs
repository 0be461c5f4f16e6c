using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Nixl.Sdk.Metadata;

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
        builder.Services.AddNixl("hosted").AddKvPool<Split>(blocks: 4);
        using var host = builder.Build();
        await host.StartAsync();
        var pool = host.Services.GetRequiredKeyedService<KvPool<Split>>("hosted");
        if (pool.Blocks != 4 || pool.Agent.Name != "hosted")
            throw new InvalidDataException($"the hosted pool has {pool.Blocks} blocks of agent {pool.Agent.Name}");
        await host.StopAsync();
    }
}
