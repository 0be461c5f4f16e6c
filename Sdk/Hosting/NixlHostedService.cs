using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Hosting;

/// <summary>
/// Starts all agents, their pools, connectors, producers and consumers with the host, publishes their metadata and connects the engines that are configured; at stop takes it back and
/// closes them in the opposite order, which ends transfers in flight and waits (at most the quiesce grace) until no transport touches memory any more.
/// </summary>
internal sealed partial class NixlHostedService : IHostedService
{
    private readonly IServiceProvider _services;
    private readonly NixlAgentHost[] _agents;
    private readonly Dictionary<NixlAgentHost, KvConnector> _connectors = [];
    private readonly Dictionary<NixlAgentHost, IAsyncDisposable[]> _links = [];
    private readonly IMetadataExchange? _exchange;
    private readonly ILogger _log;

    public NixlHostedService(IServiceProvider services, IEnumerable<NixlRegistration> registrations)
    {
        _services = services;
        _agents = [.. registrations.Select(registration => services.GetRequiredKeyedService<NixlAgentHost>(registration.Name))];
        _exchange = services.GetService<IMetadataExchange>();
        _log = services.GetService<ILoggerFactory>()?.CreateLogger<NixlHostedService>() ?? NullLogger<NixlHostedService>.Instance;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var host in _agents)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var agent = await host.StartAsync().ConfigureAwait(false);
            foreach (var make in host.Registration.Pools)
                PoolReady(agent.Name, make(_services));
            if (host.Registration.HasConnector)
                _connectors[host] = _services.GetRequiredKeyedService<KvConnector>(host.Registration.Name);
            foreach (var make in host.Registration.Roles)
                _ = make(_services);
            foreach (var note in host.Registration.Notes)
                Note(agent.Name, note);
            if (_exchange is not null)
                await _exchange.PublishAsync(agent.Name, agent.ExportMetadata, cancellationToken).ConfigureAwait(false);
            AgentReady(agent.Name, agent.AvailableTransports);
        }
        foreach (var host in _agents) _links[host] = [.. host.Registration.Links.Select(make => make(_services))];
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var host in _agents.Reverse())
        {
            if (host.Made is not { } agent) continue;
            if (_exchange is not null)
                await _exchange.WithdrawAsync(agent.Name, CancellationToken.None).ConfigureAwait(false);
            if (_links.Remove(host, out var links))
                foreach (var link in links) await link.DisposeAsync().AsTask().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // What is open with peers ends and is told them while the agent can still say so.
            if (_connectors.Remove(host, out var connector))
                await connector.DisposeAsync().AsTask().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // Closing the agent revokes its pools' memory; the container disposes the pools themselves.
            await agent.DisposeAsync().AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
            AgentStopped(agent.Name);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Agent '{Agent}' is ready, transports {Transports}")]
    private partial void AgentReady(string agent, NixlTransports transports);

    [LoggerMessage(2, LogLevel.Information, "Agent '{Agent}' has pool {Pool}")]
    private partial void PoolReady(string agent, KvPool pool);

    [LoggerMessage(4, LogLevel.Warning, "Agent '{Agent}': {Note}")]
    private partial void Note(string agent, string note);

    [LoggerMessage(3, LogLevel.Information, "Agent '{Agent}' has stopped")]
    private partial void AgentStopped(string agent);
}
