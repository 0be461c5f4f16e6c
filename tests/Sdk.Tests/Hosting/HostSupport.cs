using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Nixl.Sdk.Tests.Hosting;

internal static class HostSupport
{
    /// <summary>A host without files, environment or console: only what the test gives.</summary>
    public static IHost Build(Dictionary<string, string?> configuration, Action<IServiceCollection> add)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(configuration);
        add(builder.Services);
        return builder.Build();
    }

    public static Dictionary<string, string?> Model(params string[] agents)
    {
        var configuration = new Dictionary<string, string?>();
        foreach (var agent in agents)
        {
            configuration[$"Nixl:{agent}:Model:Name"] = "tiny-llama";
            configuration[$"Nixl:{agent}:Model:Revision"] = "sha256:1234";
        }
        return configuration;
    }
}
