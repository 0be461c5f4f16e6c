using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>What an <see cref="OperationSlot"/> asks of the object it works for.</summary>
internal interface IOperationOwner
{
    /// <summary>The transport that carries it, for the result.</summary>
    NixlTransports Transport { get; }

    /// <summary>
    /// Once per post, before anybody learns of the outcome, on the pump and outside locks: counts it and, if it failed, makes the
    /// exception. Must not block or throw.
    /// </summary>
    Exception? OnOutcome(in NativeEvent outcome);

    /// <summary>The slot was disposed and has ended: let go of what it held. Outside locks.</summary>
    void OnReleased();
}
