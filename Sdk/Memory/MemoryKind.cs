namespace Nixl.Sdk;

/// <summary>What kind of memory a range lies in. The numbers are those of NIXL and of the C ABI.</summary>
public enum MemoryKind
{
    /// <summary>Host memory.</summary>
    Dram = 0,

    /// <summary>GPU memory; the device is the GPU's ordinal.</summary>
    Vram = 1,

    /// <summary>A block device.</summary>
    Block = 2,

    /// <summary>An object store.</summary>
    Object = 3,

    /// <summary>A file.</summary>
    File = 4,
}
