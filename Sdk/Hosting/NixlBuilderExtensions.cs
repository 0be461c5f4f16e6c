using Microsoft.Extensions.Options;
using Nixl.Sdk;
using Nixl.Sdk.Hosting;
using Nixl.Sdk.Testing;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds pools and test aids to an agent of a host.</summary>
public static class NixlBuilderExtensions
{
    /// <summary>
    /// Adds a pool that is allocated when the host starts. Resolve it with the agent's name as the key, or with
    /// <c>agent/pool</c> if the pool has a name here: <c>[FromKeyedServices("decode-0")] KvPool&lt;Llama&gt; pool</c>.
    /// </summary>
    /// <typeparam name="TLayout">The layout type.</typeparam>
    /// <param name="builder">The agent.</param>
    /// <param name="blocks">Blocks, at least 1.</param>
    /// <param name="model">The model; null for what configuration says in <c>Nixl:&lt;name&gt;:Model</c>.</param>
    /// <param name="name">The pool's name; null for the layout type's.</param>
    /// <param name="configure">Changes the pool's options; the rank is already set from configuration.</param>
    public static INixlBuilder AddKvPool<TLayout>(
        this INixlBuilder builder, long blocks, ModelIdentity? model = null, string? name = null, Action<KvPoolOptions>? configure = null)
        where TLayout : IKvLayout<TLayout>
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        var agentName = builder.Name;
        return builder.AddKvPool(
            (provider, agent) =>
            {
                var options = provider.GetRequiredService<IOptionsMonitor<NixlOptions>>().Get(agentName);
                var identity = model ?? options.Model?.ToIdentity() ?? throw new InvalidOperationException(
                    $"The pool of {typeof(TLayout).Name} of agent '{agentName}' has no model: give AddKvPool one, or set Nixl:{agentName}:Model:Name and :Revision.");
                var poolOptions = new KvPoolOptions { Name = name, Parallel = options.Parallel.ToParallel() };
                configure?.Invoke(poolOptions);
                return KvPool<TLayout>.Allocate(agent, blocks, identity, poolOptions);
            },
            name);
    }

    /// <summary>Adds a pool that <paramref name="make"/> makes when the host starts, for memory that an engine owns
    /// (<see cref="KvPool{TLayout}.Bind"/>).</summary>
    /// <typeparam name="TLayout">The layout type.</typeparam>
    /// <param name="builder">The agent.</param>
    /// <param name="make">Makes the pool with the agent. The container disposes it.</param>
    /// <param name="name">Part of the key, <c>agent/name</c>; null for the agent's name alone.</param>
    public static INixlBuilder AddKvPool<TLayout>(
        this INixlBuilder builder, Func<IServiceProvider, NixlAgent, KvPool<TLayout>> make, string? name = null)
        where TLayout : IKvLayout<TLayout>
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(make);
        var registration = NixlBuilder.Of(builder);
        var agentName = builder.Name;
        var key = KeyOf(agentName, name);
        foreach (var service in builder.Services)
        {
            if (service.IsKeyedService && service.ServiceType == typeof(KvPool<TLayout>) && Equals(service.ServiceKey, key))
                throw new InvalidOperationException($"Agent '{agentName}' already has a pool of {typeof(TLayout).Name} with the key '{key}'; give this one a name of its own.");
        }
        builder.Services.AddKeyedSingleton(key, (provider, _) => make(provider, provider.GetRequiredKeyedService<NixlAgent>(agentName)));
        registration.Pools.Add(provider => provider.GetRequiredKeyedService<KvPool<TLayout>>(key));
        return builder;
    }

    /// <summary>The key of a pool and of what belongs to it.</summary>
    internal static string KeyOf(string agent, string? pool) => pool is null ? agent : $"{agent}/{pool}";

    /// <summary>For tests: the agent works over an in-process fake instead of the native library.</summary>
    public static INixlBuilder UseFakeTransport(this INixlBuilder builder, FakeTransport transport)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(transport);
        NixlBuilder.Of(builder).Transport = transport;
        return builder;
    }
}
