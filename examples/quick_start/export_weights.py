import torch
from export_hdf5 import export_state_dict  # with PYTHONPATH=$HOME/upconv/share/upconv

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv2d(1, 56, 5, padding=2), torch.nn.PReLU(56))
net.add_module("head", torch.nn.ConvTranspose2d(56, 1, 9, stride=2, padding=4, output_padding=1))
export_state_dict(net.state_dict(), "weights.h5")

with torch.no_grad():
    y = net.eval()(torch.full((1, 1, 64, 64), 0.5))
print(list(y.shape), "in the middle", y[0, 0, 64, 64].item())
