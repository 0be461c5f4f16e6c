namespace Nixl.Sdk;

/// <summary>A peer's pool of the layout type <typeparamref name="TLayout"/>, checked and prepared.</summary>
/// <typeparam name="TLayout">A type with <see cref="KvLayoutAttribute"/>.</typeparam>
/// <remarks>Thread-safe; see <see cref="RemoteKvPool"/>.</remarks>
public sealed class RemoteKvPool<TLayout> : RemoteKvPool
    where TLayout : IKvLayout<TLayout>
{
    internal RemoteKvPool(KvPool<TLayout> local, RemoteAgent remote, string name, KvAgreement agreement)
        : base(local, remote, name, agreement) => Local = local;

    /// <summary>The local pool.</summary>
    public new KvPool<TLayout> Local { get; }
}
