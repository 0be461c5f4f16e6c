using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Nixl.Sdk;
using Nixl.Sdk.Hosting;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the serving layer to an agent of a host: its connector, block pools, producers and consumers.</summary>
public static class NixlServingBuilderExtensions
{
    /// <summary>
    /// Adds the agent's connector, which starts after the agent and its pools and stops before them. Producers and consumers add it themselves;
    /// call this to change its options.
    /// </summary>
    /// <param name="builder">The agent.</param>
    /// <param name="configure">Changes what <c>Nixl:&lt;name&gt;:Serving</c> says, for example <see cref="KvConnectorOptions.OtherNotification"/>.</param>
    public static INixlBuilder AddKvConnector(this INixlBuilder builder, Action<IServiceProvider, KvConnectorOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registration = NixlBuilder.Of(builder);
        var name = builder.Name;
        if (configure is not null) registration.ConfigureConnector.Add(configure);
        if (registration.HasConnector) return builder;
        registration.HasConnector = true;
        builder.Services.AddKeyedSingleton(name, (provider, _) =>
        {
            var options = ServingOf(provider, name).ToConnectorOptions(TimeOf(provider));
            foreach (var change in registration.ConfigureConnector) change(provider, options);
            return KvConnector.Start(provider.GetRequiredKeyedService<NixlAgent>(name), options);
        });
        return builder;
    }

    /// <summary>
    /// Adds a producer for a pool of the agent: the prefilling side. Resolve <see cref="KvProducer{TLayout}"/> and
    /// <see cref="KvBlockPools{TLayout}"/> with the pool's key.
    /// </summary>
    /// <typeparam name="TLayout">The layout type.</typeparam>
    /// <param name="builder">The agent.</param>
    /// <param name="name">The name given to <c>AddKvPool</c>, if it was given one.</param>
    /// <exception cref="InvalidOperationException">The pool has a producer already.</exception>
    public static INixlBuilder AddKvProducer<TLayout>(this INixlBuilder builder, string? name = null)
        where TLayout : IKvLayout<TLayout> =>
        AddRole<TLayout, KvProducer<TLayout>>(builder, name, static (provider, connector, key) => new KvProducer<TLayout>(connector, PoolOf<TLayout>(provider, key)));

    /// <summary>
    /// Adds a consumer for a pool of the agent: the decoding side. Resolve <see cref="KvConsumer{TLayout}"/> and
    /// <see cref="KvBlockPools{TLayout}"/> with the pool's key. An engine may have both.
    /// </summary>
    /// <typeparam name="TLayout">The layout type.</typeparam>
    /// <param name="builder">The agent.</param>
    /// <param name="name">The name given to <c>AddKvPool</c>, if it was given one.</param>
    /// <exception cref="InvalidOperationException">The pool has a consumer already.</exception>
    public static INixlBuilder AddKvConsumer<TLayout>(this INixlBuilder builder, string? name = null)
        where TLayout : IKvLayout<TLayout> =>
        AddRole<TLayout, KvConsumer<TLayout>>(builder, name, static (provider, connector, key) =>
            new KvConsumer<TLayout>(connector, PoolOf<TLayout>(provider, key), provider.GetRequiredKeyedService<KvBlockPools<TLayout>>(key)));

    /// <summary>
    /// Keeps a pool's producer and consumer connected to the engines in <c>Nixl:&lt;name&gt;:Peers</c>, from the start of the host on; none if it names none. Resolve
    /// <see cref="KvPeerLinks{TLayout}"/> with the pool's key. Needs an <see cref="IMetadataExchange"/> (<c>AddNixlExchange</c>).
    /// </summary>
    /// <typeparam name="TLayout">The layout type.</typeparam>
    /// <param name="builder">The agent.</param>
    /// <param name="name">The name given to <c>AddKvPool</c>, if it was given one.</param>
    /// <param name="configure">Pauses and deadlines of the links.</param>
    /// <exception cref="InvalidOperationException">The pool has its links already.</exception>
    public static INixlBuilder AddKvPeers<TLayout>(this INixlBuilder builder, string? name = null, Action<KvPeerLinkOptions>? configure = null)
        where TLayout : IKvLayout<TLayout>
    {
        ArgumentNullException.ThrowIfNull(builder);
        var agent = builder.Name;
        var key = NixlBuilderExtensions.KeyOf(agent, name);
        if (builder.Services.Any(service => service.IsKeyedService && service.ServiceType == typeof(KvPeerLinks<TLayout>) && Equals(service.ServiceKey, key)))
            throw new InvalidOperationException($"AddKvPeers was called already for the pool of {typeof(TLayout).Name} with the key '{key}'.");
        builder.Services.AddKeyedSingleton(key, (provider, _) =>
        {
            var (producer, consumer) = (provider.GetKeyedService<KvProducer<TLayout>>(key), provider.GetKeyedService<KvConsumer<TLayout>>(key));
            if (producer is null && consumer is null)
                throw new InvalidOperationException($"The pool of {typeof(TLayout).Name} with the key '{key}' has neither producer nor consumer to connect: call AddKvProducer or AddKvConsumer besides AddKvPeers, with the same name.");
            var exchange = provider.GetService<IMetadataExchange>() ?? throw new InvalidOperationException("AddKvPeers has no IMetadataExchange that knows where peers are: call services.AddNixlExchange().");
            var options = new KvPeerLinkOptions { TimeProvider = TimeOf(provider) };
            configure?.Invoke(options);
            var peers = provider.GetRequiredService<IOptionsMonitor<NixlOptions>>().Get(agent).Peers;
            return new KvPeerLinks<TLayout>(peers, ranks => new KvPeerLink<TLayout>(PoolOf<TLayout>(provider, key), exchange, ranks, producer, consumer, options));
        });
        NixlBuilder.Of(builder).Links.Add(provider => provider.GetRequiredKeyedService<KvPeerLinks<TLayout>>(key));
        return builder;
    }

    private static INixlBuilder AddRole<TLayout, TRole>(INixlBuilder builder, string? name, Func<IServiceProvider, KvConnector, string, TRole> make)
        where TLayout : IKvLayout<TLayout>
        where TRole : class
    {
        builder.AddKvConnector();
        var agent = builder.Name;
        var key = NixlBuilderExtensions.KeyOf(agent, name);
        foreach (var service in builder.Services)
        {
            if (service.IsKeyedService && service.ServiceType == typeof(TRole) && Equals(service.ServiceKey, key))
                throw new InvalidOperationException($"The pool of {typeof(TLayout).Name} with the key '{key}' has a {(typeof(TRole) == typeof(KvProducer<TLayout>) ? "producer" : "consumer")} already.");
        }
        builder.Services.TryAddKeyedSingleton(key, (provider, _) => new KvBlockPools<TLayout>(PoolOf<TLayout>(provider, key), ServingOf(provider, agent).ToBlockPoolOptions(TimeOf(provider))));
        builder.Services.AddKeyedSingleton(key, (provider, _) => make(provider, provider.GetRequiredKeyedService<KvConnector>(agent), key));
        NixlBuilder.Of(builder).Roles.Add(provider => provider.GetRequiredKeyedService<TRole>(key));
        return builder;
    }

    private static KvPool<TLayout> PoolOf<TLayout>(IServiceProvider provider, string key)
        where TLayout : IKvLayout<TLayout> =>
        provider.GetKeyedService<KvPool<TLayout>>(key) ?? throw new InvalidOperationException(
            $"There is no pool of {typeof(TLayout).Name} with the key '{key}' for the producer or consumer: call AddKvPool<{typeof(TLayout).Name}>(blocks) for that agent, with the same name.");

    private static NixlServingOptions ServingOf(IServiceProvider provider, string agent) => provider.GetRequiredService<IOptionsMonitor<NixlOptions>>().Get(agent).Serving;

    private static TimeProvider TimeOf(IServiceProvider provider) => provider.GetService<TimeProvider>() ?? TimeProvider.System;
}
