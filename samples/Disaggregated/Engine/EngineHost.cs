using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine as a Generic Host program: agent, pool, engine.</summary>
internal static class EngineHost
{
    /// <summary>Runs an engine until it is told to stop.</summary>
    internal static async Task RunAsync(
        EngineOptions options, ModelHandle model, EngineChannel channel, bool verbose, Action? onEnding = null, CancellationToken cancellation = default)
    {
        LayoutCheck.Require(model.Config, KjvBytesKv.Schema, KjvBytesKv.Schema.Groups[0].BlockTokens);
        var agent = await NixlAgent.CreateAsync(
            new NixlAgentOptions { Name = options.Agent, Transports = options.Transport, DefaultTimeout = options.Timeout }, cancellation);
        await using var owned = agent;
        using var pool = KvPool<KjvBytesKv>.Allocate(agent, options.Blocks, model.Identity);
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.SetMinimumLevel(verbose ? LogLevel.Debug : LogLevel.Warning);
        // stdout carries the messages.
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddSingleton(new EngineContext(options, agent, pool, model, channel));
        if (options.Role == EngineRole.Prefill) builder.Services.AddHostedService<PrefillEngine>();
        else builder.Services.AddHostedService<DecodeEngine>();
        using var host = builder.Build();
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() => onEnding?.Invoke());
        await host.RunAsync(cancellation);
    }
}
