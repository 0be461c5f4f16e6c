using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Nixl.Sdk;
using Nixl.Sdk.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Sets up an agent's producer and consumer by a configuration in vLLM's shape.</summary>
public static class NixlKvTransferBuilderExtensions
{
    /// <summary>
    /// Adds what <c>kv_role</c> says, a producer, a consumer or both, and sets the agent's transports, listener and leases. The configuration itself
    /// is resolved as <see cref="KvTransferConfig"/> with the agent's name as the key.
    /// </summary>
    /// <typeparam name="TLayout">The layout type.</typeparam>
    /// <param name="builder">The agent.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="name">The name given to <c>AddKvPool</c>, if it was given one.</param>
    /// <remarks>Where the agent's own section says something else, the host does not start.</remarks>
    public static INixlBuilder AddKvTransfer<TLayout>(this INixlBuilder builder, KvTransferConfig config, string? name = null)
        where TLayout : IKvLayout<TLayout>
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(config);
        if ((config.Role & KvRole.Producer) != 0) builder.AddKvProducer<TLayout>(name);
        if ((config.Role & KvRole.Consumer) != 0) builder.AddKvConsumer<TLayout>(name);
        builder.Services.AddKeyedSingleton(builder.Name, config);
        builder.Services.Configure<NixlOptions>(builder.Name, options => Apply(config, options, builder.Name));
        foreach (var key in config.WithoutEffect) NixlBuilder.Of(builder).Notes.Add($"{key} has no effect here.");
        return builder;
    }

    /// <summary>The same from the JSON text of <c>--kv-transfer-config</c>.</summary>
    /// <inheritdoc cref="AddKvTransfer{TLayout}(INixlBuilder, KvTransferConfig, string?)"/>
    /// <param name="builder">The agent.</param>
    /// <param name="json">The text.</param>
    /// <param name="name">The name given to <c>AddKvPool</c>, if it was given one.</param>
    /// <exception cref="KvTransferConfigException">It cannot be used; lists everything.</exception>
    public static INixlBuilder AddKvTransfer<TLayout>(this INixlBuilder builder, string json, string? name = null)
        where TLayout : IKvLayout<TLayout> => builder.AddKvTransfer<TLayout>(KvTransferConfig.Parse(json), name);

    /// <summary>The same from a section of appsettings or environment variables.</summary>
    /// <inheritdoc cref="AddKvTransfer{TLayout}(INixlBuilder, KvTransferConfig, string?)"/>
    /// <param name="builder">The agent.</param>
    /// <param name="section">The section, beside the agents' own and not in it.</param>
    /// <param name="name">The name given to <c>AddKvPool</c>, if it was given one.</param>
    /// <exception cref="KvTransferConfigException">It cannot be used; lists everything.</exception>
    public static INixlBuilder AddKvTransfer<TLayout>(this INixlBuilder builder, IConfigurationSection section, string? name = null)
        where TLayout : IKvLayout<TLayout> => builder.AddKvTransfer<TLayout>(KvTransferConfig.Read(section), name);

    private static void Apply(KvTransferConfig config, NixlOptions options, string agent)
    {
        var conflicts = new List<string>();
        if (config.Transports is { } transports)
        {
            Agree(options.Transports, NixlTransports.All, transports, "Transports", "backends");
            options.Transports = transports;
        }
        if (config.Address?.ToString() is { } address)
        {
            Agree(options.ListenHost, null, address, "ListenHost", "kv_ip");
            options.ListenHost = address;
        }
        if (config.Port is { } first)
        {
            var port = first + options.Parallel.TpRank;
            Agree(options.ListenPort, 0, port, "ListenPort", "kv_port");
            options.ListenPort = port;
        }
        if (config.LeaseDuration is { } lease)
        {
            var (own, serving) = (new NixlServingOptions(), options.Serving);
            Agree(serving.LeaseLifetime, own.LeaseLifetime, lease, "Serving:LeaseLifetime", "kv_lease_duration");
            Agree(serving.LeaseExtension, own.LeaseExtension, lease * 2 / 3, "Serving:LeaseExtension", "kv_lease_duration");
            Agree(serving.HeartbeatInterval, own.HeartbeatInterval, lease / 6, "Serving:HeartbeatInterval", "kv_lease_duration");
            (serving.LeaseLifetime, serving.LeaseExtension, serving.HeartbeatInterval) = (lease, lease * 2 / 3, lease / 6);
        }
        if (config.Checksums is { } checksums)
        {
            Agree(options.Serving.Checksums, false, checksums, "Serving:Checksums", "checksums");
            options.Serving.Checksums = checksums;
        }
        if (conflicts.Count > 0) throw new OptionsValidationException(agent, typeof(NixlOptions), conflicts);

        void Agree<T>(T present, T untouched, T wanted, string option, string key)
        {
            if (!EqualityComparer<T>.Default.Equals(present, untouched) && !EqualityComparer<T>.Default.Equals(present, wanted))
                conflicts.Add($"Nixl:{agent}:{option} is {present} and {key} says {wanted}; set one of the two.");
        }
    }
}
