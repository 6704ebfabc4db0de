"""
@article{SanchezGarcia2018,
  title = {Deep Consensus, a deep learning-based approach for particle pruning in cryo-electron microscopy},
  author = {Sanchez-Garcia, Ruben and Segura, Joan and Maluenda, David and Carazo, Jose Maria and Sorzano, Carlos Oscar S.},
  journal = {IUCrJ},
  volume = {5},
  pages = {854--865},
  year = {2018},
  doi = {http://doi.org/10.1107/S2052252518014392}
}
@mastersthesis{IcetaTena2023,
  title = {Improvement of the validation capability for cryoET SOI detection workflows inside Scipion},
  author = {Iceta Tena, Mikel},
  journal = {Master's thesis, Universidad Autónoma de Madrid},
  school = {Universidad Autónoma de Madrid},
  year = {2023}
}
@article{JimenezDeLaMorena2022,
  title = {ScipionTomo: Towards cryo-electron tomography software integration, reproducibility, and validation},
  author = {Jiménez de la Morena, Jorge and Conesa, Pablo and Fonseca, Yunior C. and others},
  journal = {Journal of Structural Biology},
  volume = {214},
  pages = {107872},
  year = {2022},
  doi = {http://doi.org/10.1016/j.jsb.2022.107872}
}
"""
