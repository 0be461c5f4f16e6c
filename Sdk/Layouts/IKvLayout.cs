namespace Nixl.Sdk;

/// <summary>Implemented by the generator for every type with <see cref="KvLayoutAttribute"/>. The only constraint of a pool.</summary>
/// <typeparam name="TSelf">The layout type itself.</typeparam>
public interface IKvLayout<TSelf>
    where TSelf : IKvLayout<TSelf>
{
    /// <summary>The layout as data.</summary>
    static abstract KvSchema Schema { get; }
}
