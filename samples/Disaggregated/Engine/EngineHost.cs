using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine as a Generic Host program: agent, pool, metadata exchange, engine.</summary>
internal static class EngineHost
{
    /// <summary>Runs an engine until it is told to stop.</summary>
    /// <param name="options">The engine.</param>
    /// <param name="model">Its model; the caller's.</param>
    /// <param name="channel">Where its driver is; the caller's.</param>
    /// <param name="verbose">Whether it logs more than warnings, to stderr.</param>
    /// <param name="onEnding">Called when it begins to stop.</param>
    /// <param name="fake">For tests: an in-process network instead of the native library.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="InvalidOperationException">The model does not fit the layout type.</exception>
    internal static async Task RunAsync(
        EngineOptions options, ModelHandle model, EngineChannel channel, bool verbose, Action? onEnding = null, FakeTransport? fake = null,
        CancellationToken cancellation = default)
    {
        var schema = KjvBytesKv.Schema;
        LayoutCheck.Require(model.Config, schema, schema.Groups[0].BlockTokens);
        // Configuration (appsettings.json beside the program, environment) can set everything else: Nixl__prefill-0__ChunkBytes=65536.
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders().SetMinimumLevel(verbose ? LogLevel.Debug : LogLevel.Warning)
            .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace); // stdout carries the messages
        var nixl = builder.Services.AddNixl(options.Agent, nixl => (nixl.Transports, nixl.DefaultTimeout) = (options.Transport, options.Timeout))
            .AddKvPool<KjvBytesKv>(options.Blocks, model.Identity);
        if (fake is not null) nixl.UseFakeTransport(fake);
        builder.Services.AddNixlExchange();
        builder.Services.AddSingleton(provider => new EngineContext(
            options, provider.GetRequiredKeyedService<NixlAgent>(options.Agent), provider.GetRequiredKeyedService<KvPool<KjvBytesKv>>(options.Agent),
            provider.GetRequiredService<DirectMetadataExchange>(), model, channel));
        if (options.Role == EngineRole.Prefill) builder.Services.AddHostedService<PrefillEngine>();
        else builder.Services.AddHostedService<DecodeEngine>();
        using var host = builder.Build();
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() => onEnding?.Invoke());
        await host.RunAsync(cancellation);
    }
}
