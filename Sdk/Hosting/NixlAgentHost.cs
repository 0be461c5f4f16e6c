using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Nixl.Sdk.Hosting;

/// <summary>
/// Makes one agent, once: when the host starts, or earlier if something resolves it (a hosted service's constructor, say). Thread-safe.
/// The container owns the agent and disposes it.
/// </summary>
internal sealed class NixlAgentHost
{
    private readonly Lazy<Task<NixlAgent>> _agent;

    public NixlAgentHost(IServiceProvider services, NixlRegistration registration)
    {
        Registration = registration;
        _agent = new Lazy<Task<NixlAgent>>(() => CreateAsync(services, registration));
    }

    public NixlRegistration Registration { get; }

    /// <summary>The agent if it has been made, else null.</summary>
    public NixlAgent? Made => _agent.IsValueCreated && _agent.Value.IsCompletedSuccessfully ? _agent.Value.Result : null;

    public Task<NixlAgent> StartAsync() => _agent.Value;

    /// <summary>Blocks while the agent starts: a container resolves synchronously. Nothing in the start needs the caller's thread.</summary>
    public NixlAgent Resolve() => _agent.Value.GetAwaiter().GetResult();

    private static Task<NixlAgent> CreateAsync(IServiceProvider services, NixlRegistration registration)
    {
        var options = services.GetRequiredService<IOptionsMonitor<NixlOptions>>().Get(registration.Name);
        var agentOptions = NixlOptionsMapping.ToAgentOptions(options, KeyReader.Read(options.Metadata.Key, options.Metadata.KeyFile));
        agentOptions.LoggerFactory = services.GetService<ILoggerFactory>();
        agentOptions.TimeProvider = services.GetService<TimeProvider>() ?? TimeProvider.System;
        agentOptions.Metadata.TimeProvider = agentOptions.TimeProvider;
        agentOptions.Transport = registration.Transport;
        return NixlAgent.CreateAsync(agentOptions).AsTask();
    }
}
